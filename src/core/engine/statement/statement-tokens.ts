/** Splits SQL of Trino's and Athena's dialect into tokens that know where they stand: comments and white space are left out. */

export interface StatementToken {
  readonly kind: 'word' | 'quoted' | 'text' | 'number' | 'symbol';
  /** Words in lower case, quoted names without their quotes, everything else as written. */
  readonly text: string;
  /** Where it stands in the statement: [start, end). */
  readonly start: number;
  readonly end: number;
}

const TOKEN =
  /(?<space>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*")|(?<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?<word>[\p{L}_][\p{L}\p{N}_$@]*)|(?<symbol>\|\||<>|<=|>=|!=|->|=>|[\s\S])/uy;

/** A quote or comment that never ends becomes symbols: the engine says what is wrong with it. */
export function statementTokens(sql: string): readonly StatementToken[] {
  const tokens: StatementToken[] = [];
  const pattern = new RegExp(TOKEN);
  for (let match = pattern.exec(sql); match; match = pattern.exec(sql)) {
    const groups = match.groups ?? {};
    if (groups['space'] !== undefined) continue;
    const place = { start: match.index, end: match.index + match[0].length };
    if (groups['word'] !== undefined) tokens.push({ kind: 'word', text: match[0].toLowerCase(), ...place });
    else if (groups['quoted'] !== undefined)
      tokens.push({ kind: 'quoted', text: match[0].slice(1, -1).replaceAll('""', '"'), ...place });
    else {
      const kind = groups['text'] === undefined ? (groups['number'] === undefined ? 'symbol' : 'number') : 'text';
      tokens.push({ kind, text: match[0], ...place });
    }
  }
  return tokens;
}

export const isName = (token: StatementToken | undefined): boolean => token?.kind === 'word' || token?.kind === 'quoted';
export const isWord = (token: StatementToken | undefined, ...words: readonly string[]): boolean =>
  token?.kind === 'word' && words.includes(token.text);
export const isSymbol = (token: StatementToken | undefined, symbol: string): boolean =>
  token?.kind === 'symbol' && token.text === symbol;

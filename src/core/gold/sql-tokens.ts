/** Splits SQL of the models' dialect into tokens, with the line of each: enough for a lint, not a parser. */

export interface SqlToken {
  readonly kind: 'word' | 'quoted' | 'text' | 'number' | 'symbol';
  /** Words in lower case; everything else as written. */
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

const TOKEN =
  /(?<space>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")*")|(?<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<symbol>::|\|\||<>|<=|>=|!=|->|=>|[\s\S])/y;

export function sqlTokens(sql: string): readonly SqlToken[] {
  const tokens: SqlToken[] = [];
  const pattern = new RegExp(TOKEN);
  let line = 1;
  for (let match = pattern.exec(sql); match; match = pattern.exec(sql)) {
    const groups = match.groups ?? {};
    if (groups['word'] !== undefined) tokens.push({ kind: 'word', text: match[0].toLowerCase(), line });
    else if (groups['space'] === undefined) {
      const kind = (['text', 'quoted', 'number'] as const).find((name) => groups[name] !== undefined) ?? 'symbol';
      tokens.push({ kind, text: match[0], line });
    }
    line += match[0].split('\n').length - 1;
  }
  return tokens;
}

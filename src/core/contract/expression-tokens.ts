/** Splits a row expression into tokens (grammar: `expression.ts`). */
import { ExpressionError } from './expression.js';

export interface Token {
  /** `word` is a bare name or keyword (`text` as written), `name` a double-quoted one, `text` a single-quoted literal. */
  readonly kind: 'word' | 'name' | 'text' | 'number' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<number>\d+(?:\.\d+)?)|'(?<text>(?:[^']|'')*)'|"(?<name>(?:[^"]|"")+)"|(?<symbol><>|!=|<=|>=|[=<>+\-*/(),])/y;

/** All tokens, closed by one of kind `end`. Throws ExpressionError at the first character that begins none. */
export function tokenize(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (at < source.length && /\s/.test(source[at] ?? '')) at += 1;
    if (at >= source.length) break;
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(source)?.groups;
    if (!groups) {
      const quote = source[at];
      if (quote === "'" || quote === '"') throw new ExpressionError(`the ${quote} is never closed`, at);
      throw new ExpressionError(`unexpected character ${JSON.stringify(String.fromCodePoint(source.codePointAt(at) ?? 0))}`, at);
    }
    const end = TOKEN.lastIndex;
    if (groups['word'] !== undefined) tokens.push({ kind: 'word', text: groups['word'], at });
    else if (groups['number'] !== undefined) {
      if (/[A-Za-z_.]/.test(source[end] ?? '')) throw new ExpressionError('this is no number', at);
      tokens.push({ kind: 'number', text: groups['number'], at });
    } else if (groups['text'] !== undefined) tokens.push({ kind: 'text', text: groups['text'].replaceAll("''", "'"), at });
    else if (groups['name'] !== undefined) tokens.push({ kind: 'name', text: groups['name'].replaceAll('""', '"'), at });
    else tokens.push({ kind: 'symbol', text: groups['symbol'] === '!=' ? '<>' : (groups['symbol'] ?? ''), at });
    at = end;
  }
  tokens.push({ kind: 'end', text: '', at: source.length });
  return tokens;
}

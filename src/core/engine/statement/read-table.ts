/** Reads what stands where FROM expects a table: a name, its version and its alias, or something that is no table. */
import { isName, isSymbol, isWord, type StatementToken } from './statement-tokens.js';

/** Words that begin a query. */
export const QUERY_WORDS = ['select', 'with', 'values', 'table'];
/** Words that end FROM, and can't be an alias. */
export const CLAUSES = [
  'where',
  'group',
  'having',
  'window',
  'order',
  'offset',
  'limit',
  'fetch',
  'union',
  'intersect',
  'except',
];
const AFTER_TABLE = new Set([
  ...CLAUSES,
  ...'on using join cross inner left right full natural tablesample for match_recognize as'.split(' '),
]);
/** Functions in FROM that read nothing; others read elsewhere, or tables that they take as arguments. */
const TABLE_FUNCTIONS = new Set(['sequence']);

export type TakenTable =
  | {
      readonly kind: 'table';
      readonly parts: readonly string[];
      readonly alias: Alias;
      readonly hasOwnVersion: boolean;
      /** Token behind the name, and behind all that was taken. */
      readonly nameEnd: number;
      readonly next: number;
    }
  | { readonly kind: 'nothing' | 'lateral'; readonly next: number }
  | { readonly kind: 'refused'; readonly reason: string };

/** `at`: the first token of it. */
export function readTable(tokens: readonly StatementToken[], at: number): TakenTable {
  const token = tokens[at] as StatementToken;
  if (token.kind === 'text') return { kind: 'refused', reason: `${token.text} is no table of the lake` };
  if (isWord(token, 'lateral')) return { kind: 'lateral', next: at + 1 };
  if (isWord(token, 'unnest', 'json_table') && isSymbol(tokens[at + 1], '(')) return { kind: 'nothing', next: at + 1 };
  if (isWord(token, 'table') && isSymbol(tokens[at + 1], '(')) {
    const called = qualifiedName(tokens, at + 2);
    const name = called?.parts.join('.') ?? 'it';
    if (TABLE_FUNCTIONS.has(name)) return { kind: 'nothing', next: at + 1 };
    return { kind: 'refused', reason: `${name} reads what is no table of the lake` };
  }
  const name = qualifiedName(tokens, at);
  if (!name) return { kind: 'refused', reason: `${token.text} is no table of the lake` };
  const { parts, next } = name;
  if (isSymbol(tokens[next], '(')) return { kind: 'refused', reason: `${parts.join('.')} reads what is no table of the lake` };
  const hasOwnVersion = isWord(tokens[next], 'for') && isWord(tokens[next + 1], 'version', 'timestamp');
  let behind = next;
  if (hasOwnVersion) {
    // FOR VERSION AS OF expression: the expression ends before an alias or the next clause.
    behind += 4;
    while (isWord(tokens[behind], 'timestamp', 'date', 'interval', 'cast') || isSymbol(tokens[behind], '-')) behind += 1;
    behind += 1;
  }
  const alias = readAlias(tokens, behind);
  return { kind: 'table', parts, alias, hasOwnVersion, nameEnd: next, next: alias.name === null ? next : alias.next };
}

export interface Alias {
  /** In lower case; null where there is none. */
  readonly name: string | null;
  /** It gives the columns new names: `AS o (a, b)`. */
  readonly renamesColumns: boolean;
  /** Token behind the name. */
  readonly next: number;
}

/** `at`: behind a table, or behind the bracket that closes a subquery or joined tables. */
export function readAlias(tokens: readonly StatementToken[], at: number): Alias {
  const first = isWord(tokens[at], 'as') ? at + 1 : at;
  const named = tokens[first];
  if (!named || !isName(named) || (named.kind === 'word' && AFTER_TABLE.has(named.text)))
    return { name: null, renamesColumns: false, next: at };
  return { name: named.text.toLowerCase(), renamesColumns: isSymbol(tokens[first + 1], '('), next: first + 1 };
}

/** `a.b.c` in lower case, and the token behind it; null: there is no name. */
export function qualifiedName(
  tokens: readonly StatementToken[],
  at: number,
): { readonly parts: readonly string[]; readonly next: number } | null {
  const parts: string[] = [];
  let next = at;
  for (;;) {
    const token = tokens[next];
    if (!token || !isName(token)) return null;
    parts.push(token.text.toLowerCase());
    next += 1;
    if (!isSymbol(tokens[next], '.')) return { parts, next };
    next += 1;
  }
}

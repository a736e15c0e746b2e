/**
 * What a statement of Trino's dialect reads: its tables, where each is named, and in which query. Told from tokens and brackets, which is
 * enough because a table can only stand behind FROM, JOIN, TABLE and commas between them; the grammar is Trino's
 * (https://trino.io/docs/current/sql/select.html). What it can't follow it refuses; it never takes a column for a table.
 */
import { outlineQuery } from './outline-query.js';
import type { QueryOutline } from './query-outline.js';
import { QUERY_WORDS, qualifiedName } from './read-table.js';
import { isSymbol, isWord, statementTokens, type StatementToken } from './statement-tokens.js';

/** A statement that asks; indices of its outline's parts are those of `tokens`. */
export interface ReadQuery extends QueryOutline {
  readonly kind: 'query';
  readonly tokens: readonly StatementToken[];
  /** EXPLAIN without ANALYZE: nothing is read. */
  readonly explains: boolean;
}

export type ReadStatement =
  | ReadQuery
  | { readonly kind: 'describe'; readonly table: string }
  | { readonly kind: 'showTables' }
  /** Not one statement that only reads tables of the lake. */
  | { readonly kind: 'refused'; readonly reason: string };

export function readStatement(sql: string): ReadStatement {
  const all = statementTokens(sql);
  let length = all.length;
  while (isSymbol(all[length - 1], ';')) length -= 1;
  const tokens = all.slice(0, length);
  if (tokens.length === 0) return refused('it is empty');
  if (tokens.some((token) => isSymbol(token, ';'))) return refused('it holds several statements');
  if (tokens.some(({ kind, text }) => kind === 'symbol' && (text === "'" || text === '"')))
    return refused('a quote in it never ends');
  if (isWord(tokens[0], 'show') && isWord(tokens[1], 'tables') && tokens.length === 2) return { kind: 'showTables' };
  if (isWord(tokens[0], 'describe', 'desc')) {
    const name = qualifiedName(tokens, 1);
    return name && name.next === tokens.length
      ? { kind: 'describe', table: name.parts.join('.') }
      : refused('DESCRIBE takes the name of a table');
  }
  const explain = explainEnd(tokens);
  const first = tokens.findIndex((token, index) => index >= explain.next && !isSymbol(token, '('));
  if (!isWord(tokens[first], ...QUERY_WORDS)) return refused('it is not a query');
  const outlined = outlineQuery(tokens, explain.next);
  if (outlined.kind === 'refused') return outlined;
  return { kind: 'query', ...outlined.outline, tokens, explains: explain.next > 0 && !explain.analyzes };
}

const refused = (reason: string): ReadStatement => ({ kind: 'refused', reason });

/** Where the statement behind EXPLAIN [ANALYZE] [VERBOSE] [(…)] begins. */
function explainEnd(tokens: readonly StatementToken[]): { readonly next: number; readonly analyzes: boolean } {
  if (!isWord(tokens[0], 'explain')) return { next: 0, analyzes: false };
  let next = 1;
  const analyzes = isWord(tokens[next], 'analyze');
  while (isWord(tokens[next], 'analyze', 'verbose')) next += 1;
  if (isSymbol(tokens[next], '(') && isWord(tokens[next + 1], 'type', 'format')) {
    while (next < tokens.length && !isSymbol(tokens[next], ')')) next += 1;
    next += 1;
  }
  return { next, analyzes };
}

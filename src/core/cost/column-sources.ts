/** Which columns of a query's FROM it passes on as they are, and under which names. */
import type { ReadQuery } from '../engine/statement/read-statement.js';
import { isName, isSymbol, isWord, type StatementToken } from '../engine/statement/statement-tokens.js';

/** Both in lower case; no qualifier: the column alone. */
export interface ColumnName {
  readonly qualifier: string | null;
  readonly column: string;
}

/**
 * What a column of a query's result may be in its FROM; empty: it is computed, or not there. A star may stand for it: whether it does is
 * for who knows the columns to say. Of several at most one is meant, since engines refuse a name that two columns have.
 */
export function columnSources(read: ReadQuery, query: number, column: string): readonly ColumnName[] {
  // What USING made of both sides is in neither's star.
  const isMerged = read.queries[query]?.merged.has(column) === true;
  return read.parts
    .filter((part) => part.kind === 'select' && part.query === query)
    .flatMap(({ from, to }) => itemsOf(read.tokens.slice(from, to)))
    .filter((item) => !isMerged || !isSymbol(item.at(-1), '*') || item.length === 1)
    .flatMap((item) => sourceOf(item, column) ?? []);
}

/** The SELECT list, cut at its commas. */
function itemsOf(tokens: readonly StatementToken[]): readonly (readonly StatementToken[])[] {
  const items: StatementToken[][] = [[]];
  let depth = 0;
  for (const token of isWord(tokens[0], 'distinct', 'all') ? tokens.slice(1) : tokens) {
    if (isSymbol(token, '(') || isSymbol(token, '[')) depth += 1;
    if (isSymbol(token, ')') || isSymbol(token, ']')) depth -= 1;
    if (depth === 0 && isSymbol(token, ',')) items.push([]);
    else items.at(-1)?.push(token);
  }
  return items;
}

function sourceOf(item: readonly StatementToken[], column: string): ColumnName | null {
  const [first, second] = item;
  if (isSymbol(first, '*') && item.length === 1) return { qualifier: null, column };
  const isQualified = isName(first) && isSymbol(second, '.');
  const qualifier = isQualified ? lower(first) : null;
  const [named, ...behind] = isQualified ? item.slice(2) : item;
  if (isQualified && isSymbol(named, '*') && behind.length === 0) return { qualifier, column };
  if (!isName(named)) return null;
  const alias = isWord(behind[0], 'as') ? behind.slice(1) : behind;
  if (alias.length > 1 || (behind.length > 0 && !isName(alias[0]))) return null;
  return lower(alias[0] ?? named) === column ? { qualifier, column: lower(named) } : null;
}

const lower = (token: StatementToken | undefined): string => (token?.text ?? '').toLowerCase();

/** What a statement demands of one table's columns, and which of them it names. */
import type { ReadStatement, TableReference } from '../engine/statement/read-statement.js';
import { isSymbol, isWord } from '../engine/statement/statement-tokens.js';
import { type Condition, conditionTree, type Demand } from './condition-tree.js';

type ReadQuery = Extract<ReadStatement, { readonly kind: 'query' }>;

/** All of these hold for every row that the statement needs of this table; AND of one column may give several. */
export function demandsOf(
  read: ReadQuery,
  reference: TableReference,
  /** Whether a column without a qualifier is this table's. */
  owns: (column: string) => boolean,
): readonly Demand[] {
  const isOurs = ({ qualifier, column }: Demand): boolean =>
    qualifier === null ? owns(column) : qualifier === reference.alias && owns(column);
  return read.parts
    .filter(({ kind, query }) => kind === 'condition' && query === reference.query)
    .flatMap(({ from, to }) => demandsIn(conditionTree(read.tokens.slice(from, to)), isOurs));
}

function demandsIn(condition: Condition, isOurs: (demand: Demand) => boolean): readonly Demand[] {
  if (condition.kind === 'unknown') return [];
  if (condition.kind === 'demand') return isOurs(condition.demand) ? [condition.demand] : [];
  const parts = condition.parts.map((part) => demandsIn(part, isOurs));
  if (condition.kind === 'and') return parts.flat();
  // Of OR only what every branch demands holds: from the least to the greatest.
  const [first = [], ...others] = parts;
  return first.flatMap((demand) => {
    const same = others.map((branch) => branch.find(({ column }) => column === demand.column));
    return same.includes(undefined) ? [] : [hull([demand, ...(same as Demand[])])];
  });
}

function hull(demands: readonly Demand[]): Demand {
  const { qualifier, column } = demands[0] as Demand;
  const min = outermost(
    demands.map((demand) => demand.min),
    (a, b) => a < b,
  );
  const max = outermost(
    demands.map((demand) => demand.max),
    (a, b) => a > b,
  );
  return { qualifier, column, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}

/** Open when one of them is, or when they can't be compared. */
function outermost(
  ends: readonly (number | string | undefined)[],
  isFurther: (a: number | string, b: number | string) => boolean,
): number | string | undefined {
  const [first] = ends;
  if (ends.some((end) => end === undefined || typeof end !== typeof first)) return undefined;
  return ends.reduce((a, b) => (a !== undefined && b !== undefined && isFurther(b, a) ? b : a));
}

/** Names of columns (of `columns`, in lower case) that the statement may read of this table; a name that stands anywhere counts. */
export function columnsRead(read: ReadQuery, reference: TableReference, columns: readonly string[]): readonly string[] {
  const lists = read.parts.filter(({ kind, query }) => kind === 'select' && query === reference.query);
  const readsAll = lists.length === 0 || lists.some(({ from, to }) => hasStar(read, from, to, reference.alias));
  if (readsAll) return columns;
  const words = new Set(
    read.tokens.filter(({ kind }) => kind === 'word' || kind === 'quoted').map(({ text }) => text.toLowerCase()),
  );
  return columns.filter((column) => words.has(column));
}

/** `*` or `alias.*`; not that of `count(*)` or of a product. */
function hasStar({ tokens }: ReadQuery, from: number, to: number, alias: string): boolean {
  for (let at = from; at < to; at += 1) {
    if (!isSymbol(tokens[at], '*')) continue;
    const before = tokens[at - 1];
    if (isWord(before, 'select', 'distinct', 'all') || isSymbol(before, ',')) return true;
    if (isSymbol(before, '.') && tokens[at - 2]?.text.toLowerCase() === alias) return true;
  }
  return false;
}

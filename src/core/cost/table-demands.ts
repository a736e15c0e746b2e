/** What a statement demands of one table's columns, and which of them it names. */
import type { QueryTraits, Relation, TableReference } from '../engine/statement/query-outline.js';
import type { ReadQuery } from '../engine/statement/read-statement.js';
import { isSymbol, isWord } from '../engine/statement/statement-tokens.js';
import { type ColumnName, columnSources } from './column-sources.js';
import { type Condition, conditionTree, type Demand } from './condition-tree.js';

/** All of them hold for each row that is needed. Columns go by the names that they have in the FROM of the query in question. */
type Demands = readonly Demand[];

/**
 * All of these hold for every row that the statement needs of this table; AND of one column may give several. Conditions outside of the
 * subquery or common table that reads it count as far as Trino pushes them down: through columns that are passed on as they are.
 */
export function demandsOf(
  read: ReadQuery,
  reference: TableReference,
  /** Whether a column without a qualifier is this table's. */
  owns: (column: string) => boolean,
): Demands {
  return demandsOnRelation(read, reference, owns, inheritedDemands(read));
}

/** What conditions of its own query, and those passed down to it, demand of something in FROM. */
function demandsOnRelation(
  read: ReadQuery,
  relation: Relation,
  owns: (column: string) => boolean,
  inherited: (query: number) => Demands,
): Demands {
  const { hidesColumns, merged } = read.queries[relation.query] as QueryTraits;
  if (hidesColumns || relation.renamesColumns) return [];
  const isOurs = ({ qualifier, column }: Demand): boolean =>
    owns(column) && (qualifier === null ? !merged.has(column) : qualifier === relation.alias);
  const own = read.parts
    .filter(({ kind, query }) => kind === 'condition' && query === relation.query)
    .flatMap(({ from, to }) => demandsIn(conditionTree(read.tokens.slice(from, to)), isOurs));
  return [...own, ...inherited(relation.query).filter(isOurs)];
}

/** What those who read a query's result demand of it, put into the names of its own FROM: as if they stood in its WHERE. */
function inheritedDemands(read: ReadQuery): (query: number) => Demands {
  const known = new Map<number, Demands>();
  const inherited = (query: number): Demands => {
    const found = known.get(query);
    if (found) return found;
    const uses = read.queries[query]?.passesConditions === true ? read.derived.filter(({ rowsOf }) => rowsOf === query) : [];
    const sources = (column: string): readonly ColumnName[] => columnSources(read, query, column);
    const demanded = uses.map((use) => demandsOnRelation(read, use, (column) => sources(column).length > 0, inherited));
    const passed = inEveryBranch(demanded).flatMap((demand) =>
      sources(demand.column).map((source): Demand => ({ ...demand, ...source })),
    );
    known.set(query, passed);
    return passed;
  };
  return inherited;
}

function demandsIn(condition: Condition, isOurs: (demand: Demand) => boolean): Demands {
  if (condition.kind === 'unknown') return [];
  if (condition.kind === 'demand') return isOurs(condition.demand) ? [condition.demand] : [];
  const parts = condition.parts.map((part) => demandsIn(part, isOurs));
  return condition.kind === 'and' ? parts.flat() : inEveryBranch(parts);
}

/** Where one branch or another holds, only what each demands of a column holds: from the least to the greatest. */
function inEveryBranch(branches: readonly Demands[]): Demands {
  const [first = [], ...others] = branches;
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

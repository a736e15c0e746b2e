/**
 * Follows a query token by token, with a level for each open bracket. It needs no grammar of expressions: what stands in a bracket that
 * opens neither a query nor joined tables is passed over, but for the queries in it.
 */
import type { DerivedTable, QueryOutline, QueryPart, QueryTraits, Relation, TableReference } from './query-outline.js';
import { CLAUSES, QUERY_WORDS, readAlias, readTable } from './read-table.js';
import { isName, isSymbol, isWord, type StatementToken } from './statement-tokens.js';

/** One bracket that is open, or the whole statement. */
interface Level {
  /** `relation`: joined tables in brackets. `other`: arguments, lists, types. */
  readonly kind: 'query' | 'relation' | 'other';
  /** Index of the query that is being read; each side of a set operation is one. */
  query: number;
  /** Index of the first one. */
  readonly firstQuery: number;
  /** The FROM above reads its rows. */
  readonly isDerived: boolean;
  /** A table may stand here. */
  expects: boolean;
  /** Between FROM and the clause after it: a comma brings a table. */
  inFrom: boolean;
  /** In a WITH, before its query. */
  inWith: boolean;
  /** Joins whose ON or USING is still to come, innermost last: whether each keeps rows for which its condition is false. */
  readonly outerJoins: boolean[];
  /** The one of them whose query comes next or is being read. */
  coming: CommonTable | null;
  /** What WITH brought here, by name. */
  readonly commonTables: Map<string, CommonTable>;
  part: { readonly kind: QueryPart['kind']; readonly from: number } | null;
}

interface CommonTable {
  /** Index of the query that it stands for; null: it is not read yet, or no plain query. */
  query: number | null;
  readonly renamesColumns: boolean;
}

type Traits = { -readonly [Key in keyof QueryTraits]: QueryTraits[Key] } & { readonly merged: Set<string> };

const SET_WORDS = ['union', 'intersect', 'except'];
/** A condition above these chooses among other rows than one below. GROUP BY passes one on: a bare column that it gives is one of its keys. */
const ROW_CHOOSERS = ['limit', 'offset', 'fetch', 'window', 'rollup', 'cube', 'grouping', ...SET_WORDS];
const JOIN_WORDS = ['cross', 'inner', 'left', 'right', 'full', 'outer', 'natural'];

type Outlined =
  | { readonly kind: 'outlined'; readonly outline: QueryOutline }
  | { readonly kind: 'refused'; readonly reason: string };

/** `from`: the query's first token. */
export function outlineQuery(tokens: readonly StatementToken[], from: number): Outlined {
  const queries: Traits[] = [];
  const tables: TableReference[] = [];
  const derived: DerivedTable[] = [];
  const parts: QueryPart[] = [];
  const levels: Level[] = [];
  const newQuery = (within: number | null, passesConditions: boolean): number =>
    queries.push({ within, passesConditions, hidesColumns: false, merged: new Set() }) - 1;
  const traitsOf = (query: number): Traits => queries[query] as Traits;
  const open = (kind: Level['kind'], query: number, isDerived = false): void => {
    const isRelation = kind === 'relation';
    const state = { expects: isRelation, inFrom: isRelation, inWith: false, coming: null, part: null };
    levels.push({ kind, query, firstQuery: query, isDerived, outerJoins: [], commonTables: new Map(), ...state });
  };
  const endPart = (level: Level, to: number): void => {
    if (level.part) parts.push({ ...level.part, to, query: level.query });
    level.part = null;
  };
  const commonTablesNamed = (name: string): readonly CommonTable[] =>
    levels.toReversed().flatMap(({ commonTables }) => commonTables.get(name) ?? []);
  /** Innermost first. One that names itself, or one outside of the same name, is followed no further. */
  const useCommonTable = (found: readonly CommonTable[], use: Relation): void => {
    const [nearest] = found;
    if (found.some((each) => each.query === null))
      for (const each of found) if (each.query !== null) traitsOf(each.query).passesConditions = false;
    if (nearest?.query == null) return;
    derived.push({ ...use, renamesColumns: use.renamesColumns || nearest.renamesColumns, rowsOf: nearest.query });
  };

  open('query', newQuery(null, true));
  let atStart = true; // of a query, where WITH, TABLE and VALUES have their meaning
  for (let at = from; at < tokens.length;) {
    const token = tokens[at] as StatementToken;
    const level = levels.at(-1) as Level;
    const behindWith = level.inWith && isSymbol(tokens[at - 1], ')') && !isWord(token, 'as') && !isSymbol(token, ',');
    const begins = atStart || behindWith;
    atStart = false;
    if (behindWith) Object.assign(level, { inWith: false, coming: null });
    if (isSymbol(token, '(')) {
      if (opensQuery(tokens, at) || (begins && level.kind === 'query')) {
        const within = level.coming ? null : level.query;
        open('query', newQuery(within, !isWord(tokens[at - 1], 'lateral')), level.expects);
        level.expects = false;
        atStart = true;
      } else if (level.expects) {
        level.expects = false;
        open('relation', level.query);
      } else open('other', level.query);
      at += 1;
      continue;
    }
    if (isSymbol(token, ')')) {
      const above = levels.at(-2);
      if (!above) return refused('a bracket in it closes nothing');
      endPart(level, at);
      levels.pop();
      at += 1;
      if (level.kind === 'query') {
        if (above.coming) above.coming.query = level.firstQuery;
        above.coming = null;
      }
      if (level.isDerived || level.kind === 'relation') {
        const { name, renamesColumns } = readAlias(tokens, at);
        if (level.isDerived) derived.push({ alias: name ?? '', query: above.query, renamesColumns, rowsOf: level.firstQuery });
        else if (name !== null) traitsOf(above.query).hidesColumns = true;
      }
      continue;
    }
    if (isWord(token, 'select') && level.kind !== 'query') return refused('a query in it stands where none is looked for');
    const traits = traitsOf(level.query);
    if (isWord(token, 'over')) traits.passesConditions = false;
    if (level.kind === 'other') {
      at += 1;
      continue;
    }
    if (level.expects && (isName(token) || token.kind === 'text')) {
      const taken = readTable(tokens, at);
      if (taken.kind === 'refused') return refused(taken.reason);
      level.expects = taken.kind === 'lateral';
      if (taken.kind === 'table') {
        const { parts: nameParts, hasOwnVersion, nameEnd } = taken;
        const named = { alias: taken.alias.name ?? (nameParts.at(-1) as string), query: level.query };
        const { renamesColumns } = taken.alias;
        const common = nameParts.length === 1 ? commonTablesNamed(nameParts[0] as string) : [];
        const isQuery = isWord(tokens[at - 1], 'table');
        const { start } = isQuery ? (tokens[at - 1] as StatementToken) : token;
        const { end } = tokens[nameEnd - 1] as StatementToken;
        if (common.length > 0) useCommonTable(common, { ...named, renamesColumns });
        else tables.push({ ...named, renamesColumns, parts: nameParts, start, end, isQuery, hasOwnVersion });
      }
      at = taken.next;
      continue;
    }
    if (isWord(token, 'match_recognize')) traits.hidesColumns = true;
    if (level.kind === 'query') {
      if (isWord(token, ...ROW_CHOOSERS)) traits.passesConditions = false;
      if (begins && isWord(token, 'with')) {
        if (isWord(tokens[at + 1], 'function')) return refused('it defines a function');
        level.inWith = true;
      }
      if (begins && isWord(token, 'table')) level.expects = true;
      else if (level.inWith && isName(token) && !isWord(token, 'recursive', 'as', 'select')) {
        const hasColumns = isSymbol(tokens[at + 1], '(');
        if (isWord(tokens[at + 1], 'as') || hasColumns) {
          level.coming = { query: null, renamesColumns: hasColumns };
          level.commonTables.set(token.text.toLowerCase(), level.coming);
        }
      }
      if (isWord(token, 'select')) {
        level.inWith = false;
        endPart(level, at);
        level.part = { kind: 'select', from: at + 1 };
      } else if (isWord(token, ...SET_WORDS)) {
        endPart(level, at);
        // The other side is a query of its own: its conditions say nothing about this side's tables.
        level.query = newQuery(level.firstQuery, false);
        level.inFrom = false;
        at += isWord(tokens[at + 1], 'all', 'distinct') ? 2 : 1;
        atStart = true;
        continue;
      } else if (isWord(token, 'from') && !isDistinctFrom(tokens, at)) {
        endPart(level, at);
        level.expects = true;
        level.inFrom = true;
      } else if (isWord(token, ...CLAUSES)) {
        endPart(level, at);
        level.inFrom = false;
        if (isWord(token, 'where')) level.part = { kind: 'condition', from: at + 1 };
      }
    }
    if (level.inFrom) {
      if (isSymbol(token, ',')) {
        endPart(level, at);
        level.expects = true;
      } else if (isWord(token, 'join')) {
        endPart(level, at);
        level.expects = true;
        const words = joinWords(tokens, at);
        if (!words.includes('cross') && !words.includes('natural'))
          level.outerJoins.push(words.some((word) => word === 'left' || word === 'right' || word === 'full'));
        // Which columns it merges is not told.
        if (words.includes('natural')) traits.hidesColumns = true;
      } else if (isWord(token, 'on')) {
        endPart(level, at);
        if (level.outerJoins.pop() === false) level.part = { kind: 'condition', from: at + 1 };
      } else if (isWord(token, 'using')) {
        endPart(level, at);
        level.outerJoins.pop();
        for (const name of namesInBrackets(tokens, at + 1)) traits.merged.add(name);
      } else if (isWord(token, ...JOIN_WORDS) && !isSymbol(tokens[at + 1], '(')) endPart(level, at);
    }
    at += 1;
  }
  if (levels.length > 1) return refused('a bracket in it is never closed');
  endPart(levels[0] as Level, tokens.length);
  return { kind: 'outlined', outline: { queries, tables, derived, parts } };
}

const refused = (reason: string): Outlined => ({ kind: 'refused', reason });

/** Whether the bracket at this token holds a query of its own: `(SELECT …)`, and `((SELECT …) UNION …)`, which is no joined table. */
const opensQuery = (tokens: readonly StatementToken[], at: number): boolean =>
  isWord(tokens[at + 1], ...QUERY_WORDS) || goesOn(tokens, bracketedQueryEnd(tokens, at + 1));

/** Behind the bracket at this token, when a query is all that it holds, in however many brackets; null: it holds something else. */
function bracketedQueryEnd(tokens: readonly StatementToken[], at: number): number | null {
  if (!isSymbol(tokens[at], '(')) return null;
  let inner = at;
  while (isSymbol(tokens[inner], '(')) inner += 1;
  if (!isWord(tokens[inner], ...QUERY_WORDS)) return null;
  let depth = 0;
  for (let next = at; next < tokens.length; next += 1) {
    if (isSymbol(tokens[next], '(')) depth += 1;
    if (isSymbol(tokens[next], ')')) depth -= 1;
    if (depth === 0) return next + 1;
  }
  return null;
}

/** What follows a query in brackets and makes a longer one of it. LIMIT, OFFSET and FETCH may be names. */
function goesOn(tokens: readonly StatementToken[], at: number | null): boolean {
  if (at === null) return false;
  const [word, next] = [tokens[at], tokens[at + 1]];
  if (isWord(word, ...SET_WORDS)) return true;
  if (isWord(word, 'order')) return isWord(next, 'by');
  if (isWord(word, 'fetch')) return isWord(next, 'first', 'next');
  return isWord(word, 'limit', 'offset') && (next?.kind === 'number' || isWord(next, 'all'));
}

/** `a IS [NOT] DISTINCT FROM b` compares. */
const isDistinctFrom = (tokens: readonly StatementToken[], at: number): boolean =>
  isWord(tokens[at - 1], 'distinct') && isWord(tokens[at - 2], 'is', 'not');

/** Those before the JOIN at this token. */
function joinWords(tokens: readonly StatementToken[], at: number): readonly string[] {
  let first = at;
  while (isWord(tokens[first - 1], ...JOIN_WORDS)) first -= 1;
  return tokens.slice(first, at).map(({ text }) => text);
}

/** In lower case. */
function namesInBrackets(tokens: readonly StatementToken[], at: number): readonly string[] {
  const names: string[] = [];
  for (let next = at + 1; isName(tokens[next]); next += 2) names.push((tokens[next]?.text ?? '').toLowerCase());
  return names;
}

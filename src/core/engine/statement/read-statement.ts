/**
 * What a statement of Trino's dialect reads: its tables, where each is named, and in which query. Told from tokens and brackets, which is
 * enough because a table can only stand behind FROM, JOIN, TABLE and commas between them; the grammar is Trino's
 * (https://trino.io/docs/current/sql/select.html). What it can't follow it refuses; it never takes a column for a table.
 */
import { isName, isSymbol, isWord, statementTokens, type StatementToken } from './statement-tokens.js';

/** A table as a query names it. */
export interface TableReference {
  /** In lower case, e.g. `['silver', 'orders']`. */
  readonly parts: readonly string[];
  /** Where the name stands in the statement: [start, end). */
  readonly start: number;
  readonly end: number;
  /** Under which columns are qualified: the alias, else the table's own name. */
  readonly alias: string;
  /** The writer chose a version: `FOR VERSION AS OF …`. */
  readonly hasOwnVersion: boolean;
  /** Index in `queries`. */
  readonly query: number;
}

/** A part of a SELECT: tokens [from, to). A condition is one that every row of the result fulfils: WHERE, and ON of inner joins. */
export interface QueryPart {
  readonly kind: 'select' | 'condition';
  readonly from: number;
  readonly to: number;
  /** Index of the query it belongs to. */
  readonly query: number;
}

export type ReadStatement =
  | {
      readonly kind: 'query';
      readonly tokens: readonly StatementToken[];
      readonly tables: readonly TableReference[];
      readonly parts: readonly QueryPart[];
      /** EXPLAIN without ANALYZE: nothing is read. */
      readonly explains: boolean;
    }
  | { readonly kind: 'describe'; readonly table: string }
  | { readonly kind: 'showTables' }
  /** Not one statement that only reads tables of the lake. */
  | { readonly kind: 'refused'; readonly reason: string };

/** One bracket that is open, or the whole statement. */
interface Level {
  /** `other`: arguments, lists, types. `relation`: joined tables in brackets. */
  kind: 'query' | 'relation' | 'other';
  query: number;
  /** A table may stand here. */
  expects: boolean;
  /** Between FROM and the clause after it: a comma brings a table. */
  inFrom: boolean;
  /** In a WITH, before its query. */
  inWith: boolean;
  /** The join that is being read keeps rows for which its condition is false. */
  isOuter: boolean;
  /** Names that WITH brought here. */
  readonly commonTables: Set<string>;
  part: { kind: QueryPart['kind']; from: number } | null;
}

const QUERY_WORDS = ['select', 'with', 'values', 'table'];
/** Words that end FROM, and can't be an alias. */
const CLAUSES = ['where', 'group', 'having', 'window', 'order', 'offset', 'limit', 'fetch', 'union', 'intersect', 'except'];
const AFTER_TABLE = new Set([
  ...CLAUSES,
  ...'on using join cross inner left right full natural tablesample for match_recognize as'.split(' '),
]);
const SET_WORDS = ['union', 'intersect', 'except'];
/** Functions in FROM that read nothing. */
const TABLE_FUNCTIONS = new Set(['sequence', 'exclude_columns']);

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
  return readQuery(tokens, explain.next, explain.next > 0 && !explain.analyzes);
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

function qualifiedName(
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

function readQuery(tokens: readonly StatementToken[], from: number, explains: boolean): ReadStatement {
  const tables: TableReference[] = [];
  const parts: QueryPart[] = [];
  const levels: Level[] = [];
  let queries = 0;
  const open = (kind: Level['kind'], query: number): void => {
    levels.push({
      kind,
      query,
      expects: false,
      inFrom: false,
      inWith: false,
      isOuter: false,
      commonTables: new Set(),
      part: null,
    });
  };
  const endPart = (level: Level, to: number): void => {
    if (level.part) parts.push({ ...level.part, to, query: level.query });
    level.part = null;
  };
  const isCommonTable = (name: string): boolean => levels.some(({ commonTables }) => commonTables.has(name));
  open('query', queries++);
  let atStart = true; // of a query, where WITH, TABLE and VALUES have their meaning
  for (let at = from; at < tokens.length;) {
    const token = tokens[at] as StatementToken;
    const level = levels.at(-1) as Level;
    const behindWith = level.inWith && isSymbol(tokens[at - 1], ')') && !isWord(token, 'as') && !isSymbol(token, ',');
    const begins = atStart || behindWith;
    atStart = false;
    if (behindWith) level.inWith = false;
    if (isSymbol(token, '(')) {
      if (isWord(tokens[at + 1], ...QUERY_WORDS) || (begins && level.kind === 'query')) {
        level.expects = false;
        open('query', queries++);
        atStart = true;
      } else if (level.expects) {
        level.expects = false;
        open('relation', level.query);
        Object.assign(levels.at(-1) as Level, { expects: true, inFrom: true });
      } else open('other', level.query);
      at += 1;
      continue;
    }
    if (isSymbol(token, ')')) {
      if (levels.length === 1) return refused('a bracket in it closes nothing');
      endPart(level, at);
      levels.pop();
      at += 1;
      continue;
    }
    if (level.kind === 'other') {
      at += 1;
      continue;
    }
    if (level.expects && (isName(token) || token.kind === 'text')) {
      const taken = readTable(tokens, at);
      if (taken.kind === 'refused') return refused(taken.reason);
      level.expects = taken.kind === 'lateral';
      at = taken.next;
      if (taken.kind === 'table' && !(taken.parts.length === 1 && isCommonTable(taken.parts[0] as string))) {
        const end = (tokens[taken.nameEnd - 1] as StatementToken).end;
        const { parts: nameParts, alias, hasOwnVersion } = taken;
        tables.push({ parts: nameParts, start: token.start, end, alias, hasOwnVersion, query: level.query });
      }
      continue;
    }
    if (level.kind === 'query') {
      if (begins && isWord(token, 'with')) {
        if (isWord(tokens[at + 1], 'function')) return refused('it defines a function');
        level.inWith = true;
      }
      if (begins && isWord(token, 'table')) level.expects = true;
      else if (level.inWith && isName(token) && !isWord(token, 'recursive', 'as', 'select')) {
        if (isWord(tokens[at + 1], 'as') || isSymbol(tokens[at + 1], '(')) level.commonTables.add(token.text.toLowerCase());
      }
      if (isWord(token, 'select')) {
        level.inWith = false;
        endPart(level, at);
        level.part = { kind: 'select', from: at + 1 };
      } else if (isWord(token, ...SET_WORDS)) {
        endPart(level, at);
        // The other side is a query of its own: its conditions say nothing about this side's tables.
        level.query = queries++;
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
      if (isWord(token, 'join') || isSymbol(token, ',')) {
        endPart(level, at);
        level.expects = true;
        if (isSymbol(token, ',')) level.isOuter = false;
      } else if (isWord(token, 'on')) {
        endPart(level, at);
        if (!level.isOuter) level.part = { kind: 'condition', from: at + 1 };
      } else if (isWord(token, 'cross', 'inner', 'left', 'right', 'full', 'natural') && !isSymbol(tokens[at + 1], '(')) {
        endPart(level, at);
        level.isOuter = isWord(token, 'left', 'right', 'full');
      }
    }
    at += 1;
  }
  if (levels.length > 1) return refused('a bracket in it is never closed');
  endPart(levels[0] as Level, tokens.length);
  return { kind: 'query', tokens, tables, parts, explains };
}

/** `a IS [NOT] DISTINCT FROM b` compares. */
const isDistinctFrom = (tokens: readonly StatementToken[], at: number): boolean =>
  isWord(tokens[at - 1], 'distinct') && isWord(tokens[at - 2], 'is', 'not');

type Taken =
  | {
      readonly kind: 'table';
      readonly parts: readonly string[];
      readonly alias: string;
      readonly hasOwnVersion: boolean;
      /** Token behind the name, and behind all that was taken. */
      readonly nameEnd: number;
      readonly next: number;
    }
  | { readonly kind: 'nothing' | 'lateral'; readonly next: number }
  | { readonly kind: 'refused'; readonly reason: string };

function readTable(tokens: readonly StatementToken[], at: number): Taken {
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
  const versioned = isWord(tokens[next], 'for') && isWord(tokens[next + 1], 'version', 'timestamp');
  let behind = next;
  if (versioned) {
    // FOR VERSION AS OF expression: the expression ends before an alias or the next clause.
    behind += 4;
    while (isWord(tokens[behind], 'timestamp', 'date', 'interval', 'cast') || isSymbol(tokens[behind], '-')) behind += 1;
    behind += 1;
  }
  const as = isWord(tokens[behind], 'as') ? behind + 1 : behind;
  const named = tokens[as];
  const hasAlias = isName(named) && (named?.kind === 'quoted' || !AFTER_TABLE.has(named?.text ?? ''));
  const alias = hasAlias ? (named?.text ?? '').toLowerCase() : (parts.at(-1) as string);
  return { kind: 'table', parts, alias, hasOwnVersion: versioned, nameEnd: next, next: hasAlias ? as + 1 : next };
}

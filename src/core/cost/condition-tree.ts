/**
 * What a condition demands of columns, as far as it can keep an engine from reading files: comparisons of a bare column with constants,
 * under AND and OR. Everything else (functions of a column, NOT, LIKE, subqueries) demands nothing.
 */
import { QUERY_WORDS } from '../engine/statement/read-table.js';
import { isName, isSymbol, isWord, type StatementToken } from '../engine/statement/statement-tokens.js';

/** `column` lies within [min, max]; an end that is no plain constant is open. */
export interface Demand {
  /** In lower case; null: the column alone. */
  readonly qualifier: string | null;
  readonly column: string;
  readonly min?: number | string;
  readonly max?: number | string;
}

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Condition[] }
  | { readonly kind: 'demand'; readonly demand: Demand }
  | { readonly kind: 'unknown' };

const UNKNOWN: Condition = { kind: 'unknown' };

export function conditionTree(tokens: readonly StatementToken[]): Condition {
  return splitBy(tokens, 'or', (branch) => splitBy(branch, 'and', single));
}

function splitBy(
  tokens: readonly StatementToken[],
  kind: 'and' | 'or',
  read: (tokens: readonly StatementToken[]) => Condition,
): Condition {
  const parts = split(tokens, kind);
  if (kind === 'or' && parts.filter(isOneDay).length > 1) return UNKNOWN;
  return parts.length === 1 ? read(parts[0] ?? []) : { kind, parts: parts.map(read) };
}

/** `date(x) = …`: of several, in one OR, Trino makes an IN, and by an IN of a computed value it skips no file. */
function isOneDay(tokens: readonly StatementToken[]): boolean {
  if (isSymbol(tokens[0], '(') && closing(tokens) === tokens.length - 1) return isOneDay(tokens.slice(1, -1));
  const operator = outside(tokens, (token) => isSymbol(token, '='));
  return operator > 0 && [tokens.slice(0, operator), tokens.slice(operator + 1)].some((side) => columnOf(side)?.isDay === true);
}

/** At this word outside brackets and CASE; the AND of a BETWEEN joins nothing. */
function split(tokens: readonly StatementToken[], word: string): readonly (readonly StatementToken[])[] {
  const parts: StatementToken[][] = [[]];
  let depth = 0;
  let betweens = 0;
  for (const token of tokens) {
    if (isSymbol(token, '(') || isWord(token, 'case')) depth += 1;
    if (isSymbol(token, ')') || isWord(token, 'end')) depth -= 1;
    if (depth === 0 && isWord(token, 'between')) betweens += 1;
    const isBetweens = depth === 0 && betweens > 0 && isWord(token, 'and');
    if (isBetweens) betweens -= 1;
    if (depth === 0 && isWord(token, word) && !isBetweens) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

function single(tokens: readonly StatementToken[]): Condition {
  if (isSymbol(tokens[0], '(') && closing(tokens) === tokens.length - 1)
    // A subquery's conditions are those of its own tables.
    return isWord(tokens[1], ...QUERY_WORDS) ? UNKNOWN : conditionTree(tokens.slice(1, -1));
  const demand = demandOf(tokens);
  return demand ? { kind: 'demand', demand } : UNKNOWN;
}

/** Index of the bracket that closes the first one. */
function closing(tokens: readonly StatementToken[]): number {
  let depth = 0;
  return tokens.findIndex((token) => {
    if (isSymbol(token, '(')) depth += 1;
    if (isSymbol(token, ')')) depth -= 1;
    return depth === 0;
  });
}

const COMPARISONS = ['=', '<', '<=', '>', '>='];
const MIRRORED: Readonly<Record<string, string>> = { '<': '>', '<=': '>=', '>': '<', '>=': '<=', '=': '=' };

function demandOf(tokens: readonly StatementToken[]): Demand | null {
  const operator = outside(tokens, (token) => token.kind === 'symbol' && COMPARISONS.includes(token.text));
  if (operator > 0) {
    const [left, right] = [tokens.slice(0, operator), tokens.slice(operator + 1)];
    const sign = tokens[operator]?.text ?? '=';
    const column = columnOf(left);
    if (column) return isConstant(right) ? compared(column, sign, right) : null;
    const mirrored = columnOf(right);
    return mirrored && isConstant(left) ? compared(mirrored, MIRRORED[sign] ?? sign, left) : null;
  }
  const word = outside(tokens, (token) => isWord(token, 'between', 'in'));
  const column = word > 0 ? columnOf(tokens.slice(0, word)) : null;
  if (!column) return null;
  const rest = tokens.slice(word + 1);
  const list = isWord(tokens[word], 'in')
    ? split(rest.slice(1, -1).map(asAnd), 'and').filter((part) => part.length > 0)
    : split(rest, 'and');
  if (list.length === 0 || !list.every(isConstant)) return null;
  if (isWord(tokens[word], 'between') && list.length !== 2) return null;
  if (isWord(tokens[word], 'in') && column.isDay && list.length > 1) return null;
  const values = list.map((part) => valueOf(part, column.isDay));
  const sorted = values.toSorted((a, b) => compareValues(a?.min, b?.min));
  if (values.includes(undefined)) return bare(column);
  const [first, last] = isWord(tokens[word], 'in') ? [sorted[0], sorted.at(-1)] : [values[0], values[1]];
  return { ...bare(column), ...withEnd('min', first?.min), ...withEnd('max', last?.max) };
}

/** Commas of a list outside brackets as ANDs, so that one function splits both. */
const asAnd = (token: StatementToken): StatementToken => (isSymbol(token, ',') ? { ...token, kind: 'word', text: 'and' } : token);

const compareValues = (a: number | string | undefined, b: number | string | undefined): number =>
  a === undefined || b === undefined || a === b ? 0 : a < b ? -1 : 1;

function outside(tokens: readonly StatementToken[], wanted: (token: StatementToken) => boolean): number {
  let depth = 0;
  return tokens.findIndex((token) => {
    if (isSymbol(token, '(')) depth += 1;
    if (isSymbol(token, ')')) depth -= 1;
    return depth === 0 && wanted(token);
  });
}

interface Column {
  readonly qualifier: string | null;
  readonly column: string;
  /** Compared by its day: `date(x)` and `CAST(x AS date)`, which Trino turns into a range of x. */
  readonly isDay: boolean;
}

function columnOf(tokens: readonly StatementToken[]): Column | null {
  const names = tokens.filter((_, n) => n % 2 === 0);
  const isPath =
    tokens.length % 2 === 1 &&
    tokens.length <= 5 &&
    tokens.every((each, n) => (n % 2 === 0 ? isName(each) : isSymbol(each, '.')));
  if (isPath) {
    const [column, qualifier] = names.map(({ text }) => text.toLowerCase()).toReversed();
    return { column: column ?? '', qualifier: qualifier ?? null, isDay: false };
  }
  if (!isSymbol(tokens[1], '(') || !isSymbol(tokens.at(-1), ')')) return null;
  const isCast = isWord(tokens[0], 'cast') && isWord(tokens.at(-3), 'as') && isWord(tokens.at(-2), 'date');
  if (!isCast && !isWord(tokens[0], 'date')) return null;
  const inner = columnOf(tokens.slice(2, isCast ? -3 : -1));
  return inner && !inner.isDay ? { ...inner, isDay: true } : null;
}

const CONSTANT_WORDS = new Set(
  'current_date current_timestamp localtimestamp true false as date timestamp varchar integer bigint double decimal at time zone'.split(
    ' ',
  ),
);

/** Each row gets another value: an engine keeps such conditions out of its scans. */
const RANDOM_FUNCTIONS = ['random', 'rand', 'uuid', 'shuffle'];

/** Nothing in it can be a column: names are functions, types before a literal, or units behind one. */
function isConstant(tokens: readonly StatementToken[]): boolean {
  return (
    tokens.length > 0 &&
    tokens.every((token, n) => {
      if (token.kind === 'quoted') return false;
      if (token.kind !== 'word') return true;
      if (isWord(token, ...QUERY_WORDS, ...RANDOM_FUNCTIONS)) return false;
      const [before, after] = [tokens[n - 1], tokens[n + 1]];
      return isSymbol(after, '(') || after?.kind === 'text' || before?.kind === 'text' || CONSTANT_WORDS.has(token.text);
    })
  );
}

/** The least and greatest value that a constant stands for; undefined: only the engine knows. */
function valueOf(
  tokens: readonly StatementToken[],
  isDay: boolean,
): { readonly min: number | string; readonly max: number | string } | undefined {
  const unwrapped =
    isWord(tokens[0], 'cast', 'date') && isSymbol(tokens[1], '(')
      ? tokens.slice(2, 3)
      : isWord(tokens[0], 'date', 'timestamp')
        ? tokens.slice(1)
        : tokens;
  const isNegative = isSymbol(unwrapped[0], '-');
  const [literal, ...more] = isNegative ? unwrapped.slice(1) : unwrapped;
  if (!literal || more.length > 0) return undefined;
  if (literal.kind === 'text' && !isNegative) {
    const text = literal.text.slice(1, -1).replaceAll("''", "'");
    return isDay
      ? { min: `${text.slice(0, 10)} 00:00:00`, max: `${text.slice(0, 10)} 23:59:59.999999` }
      : { min: text, max: text };
  }
  if (literal.kind !== 'number' || isDay) return undefined;
  const number = Number(literal.text) * (isNegative ? -1 : 1);
  return { min: number, max: number };
}

function compared(column: Column, sign: string, constant: readonly StatementToken[]): Demand {
  const value = valueOf(constant, column.isDay);
  if (value === undefined) return bare(column);
  return {
    ...bare(column),
    ...(sign === '<' || sign === '<=' ? {} : withEnd('min', value.min)),
    ...(sign === '>' || sign === '>=' ? {} : withEnd('max', value.max)),
  };
}

const bare = ({ qualifier, column }: Column): Demand => ({ qualifier, column });

const withEnd = (end: 'min' | 'max', value: number | string | undefined): Partial<Demand> =>
  value === undefined ? {} : { [end]: value };

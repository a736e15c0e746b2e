/** What the list flags do to rows: filter, sort, limit, choose columns. */
import { KeystoneError } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { compareDecimals, decimalOf, sameAmount } from './decimal-text.js';
import { printable } from './json-text.js';
import { sortKeyOf } from './sort-flag.js';

export type Row = Readonly<Record<string, unknown>>;

export interface RowShape {
  /** Column names separated by commas, in the order wanted. */
  readonly columns?: string | undefined;
  /** Column names separated by commas; `-column` or `column:desc` sorts downwards. */
  readonly sort?: string | undefined;
  /** `column=value`, `column!=value` or `column~part`; all must hold. */
  readonly filter?: readonly string[] | undefined;
  readonly limit?: number | undefined;
}

export interface ShapedRows {
  readonly rows: readonly Row[];
  readonly columns: readonly string[];
}

/** Applies the list flags; a column that no row has is KS_USAGE. `columns` are those shown when `--columns` is absent. */
export function shapeRows(rows: readonly object[], columns: readonly string[], shape: RowShape): ShapedRows {
  const known = new Set([...columns, ...rows.slice(0, 100).flatMap((row) => Object.keys(row))]);
  const columnOf = (name: string, flag: string): string => {
    if (known.has(name)) return name;
    const near = nearestName(name, known);
    throw new KeystoneError('KS_USAGE', `--${flag}: there is no column "${name}"`, {
      hint: `${near === undefined ? '' : `did you mean "${near}"? `}columns: ${[...known].join(', ')}`,
    });
  };
  const names = (text: string): string[] => text.split(',').map((name) => name.trim());

  let shaped = rows as readonly Row[];
  for (const condition of shape.filter ?? []) shaped = shaped.filter(rowTest(condition, columnOf));
  const order = (shape.sort === undefined ? [] : names(shape.sort)).map((text) => {
    const { column, sign } = sortKeyOf(text, (name) => known.has(name));
    return { compare: columnOrder(shaped, columnOf(column, 'sort'), sign) };
  });
  if (order.length > 0) {
    shaped = shaped.toSorted((a, b) => {
      for (const { compare } of order) {
        const compared = compare(a, b);
        if (compared !== 0) return compared;
      }
      return 0;
    });
  }
  if (shape.limit !== undefined) shaped = shaped.slice(0, shape.limit);
  return {
    rows: shaped,
    columns: shape.columns === undefined ? columns : names(shape.columns).map((name) => columnOf(name, 'columns')),
  };
}

function rowTest(condition: string, columnOf: (name: string, flag: string) => string): (row: Row) => boolean {
  const match = /^\s*([^=!~]+?)\s*(!=|=|~)(.*)$/s.exec(condition);
  if (!match) {
    throw new KeystoneError('KS_USAGE', `--filter "${condition}" is no condition`, {
      hint: 'write column=value, column!=value or column~part',
    });
  }
  const [, name = '', operator, value = ''] = match;
  const column = columnOf(name, 'filter');
  const wanted = value.toLowerCase();
  switch (operator) {
    case '=':
      return (row) => cellText(row[column]) === value || sameAmount(row[column], value);
    case '!=':
      return (row) => cellText(row[column]) !== value && !sameAmount(row[column], value);
    default:
      return (row) => cellText(row[column]).toLowerCase().includes(wanted);
  }
}

/**
 * Empty cells are last whichever the direction. A column of nothing but numbers, be they written as text, is ordered by value;
 * in any other one numbers come before texts.
 */
function columnOrder(rows: readonly Row[], column: string, sign: 1 | -1): (a: Row, b: Row) => number {
  const isEmpty = (value: unknown): boolean => value === null || value === undefined;
  const numeric = rows.every((row) => isEmpty(row[column]) || decimalOf(row[column]) !== undefined);
  // Once per row, not once per comparison.
  const keys = new Map(
    rows.map((row) => {
      const value = row[column];
      const number = numeric || typeof value !== 'string' ? decimalOf(value) : undefined;
      return [row, { empty: isEmpty(value), number, text: number === undefined ? cellText(value) : '' }] as const;
    }),
  );
  return (a, b) => {
    const [left, right] = [keys.get(a), keys.get(b)];
    if (left === undefined || right === undefined) return 0;
    if (left.empty || right.empty) return Number(left.empty) - Number(right.empty);
    if (left.number !== undefined && right.number !== undefined) return sign * compareDecimals(left.number, right.number);
    if (left.number !== undefined || right.number !== undefined) return sign * (left.number === undefined ? 1 : -1);
    return sign * (left.text < right.text ? -1 : left.text > right.text ? 1 : 0);
  };
}

/** A cell as text: lists joined by commas, other structures as JSON, nothing as the empty text. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value.map(String).join(', ');
  if (value instanceof Date || typeof value === 'object') {
    const plain = printable(value);
    return typeof plain === 'string' ? plain : JSON.stringify(plain);
  }
  return String(value);
}

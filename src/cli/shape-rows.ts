/** What the list flags do to rows: filter, sort, limit, choose columns. */
import { KeystoneError } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { printable } from './json-text.js';

export type Row = Readonly<Record<string, unknown>>;

export interface RowShape {
  /** Column names separated by commas, in the order wanted. */
  readonly columns?: string | undefined;
  /** Column names separated by commas; a leading `-` sorts downwards. */
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
  const order = shape.sort === undefined ? [] : names(shape.sort).map((name) => sortKey(name, columnOf));
  if (order.length > 0) {
    shaped = shaped.toSorted((a, b) => {
      for (const { column, sign } of order) {
        const compared = compareCells(a[column], b[column]);
        if (compared !== 0) return sign * compared;
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
      return (row) => cellText(row[column]) === value;
    case '!=':
      return (row) => cellText(row[column]) !== value;
    default:
      return (row) => cellText(row[column]).toLowerCase().includes(wanted);
  }
}

function sortKey(
  text: string,
  columnOf: (name: string, flag: string) => string,
): { readonly column: string; readonly sign: 1 | -1 } {
  return text.startsWith('-')
    ? { column: columnOf(text.slice(1), 'sort'), sign: -1 }
    : { column: columnOf(text, 'sort'), sign: 1 };
}

/** Numbers by value, the rest as text; empty cells last. */
function compareCells(a: unknown, b: unknown): number {
  const empty = Number(a === null || a === undefined) - Number(b === null || b === undefined);
  if (empty !== 0 || a === null || a === undefined) return empty;
  const numeric = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint';
  if (numeric(a) && numeric(b)) return a < b ? -1 : a > b ? 1 : 0;
  const [left, right] = [cellText(a), cellText(b)];
  return left < right ? -1 : left > right ? 1 : 0;
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

/** A differing row of `table diff --rows` as cells of a table for people. */
import type { DifferingRow } from '../core/care/differing-rows.js';

/** Longer values are cut; `--json` and `--output ndjson` have them whole. */
const VALUE_LENGTH = 60;

export interface DifferenceCells {
  readonly change: string;
  /** `order_id=a1 order_item_id=2`. */
  readonly key: string;
  /** `price: 10.00 → 12.00, …`; of an added or removed row its values. */
  readonly difference: string;
}

/** One row of cells; lineage columns (`_offset`, …) come last, since people look for the data first. */
export function rowDifferenceCells({ change, key, from, to }: DifferingRow): DifferenceCells {
  const columns = Object.keys(to ?? from ?? {});
  const ordered = [...columns.filter((column) => !column.startsWith('_')), ...columns.filter((column) => column.startsWith('_'))];
  const parts = ordered
    .filter((column) => change === 'changed' || !(column in key))
    .map((column) =>
      change === 'changed'
        ? `${column}: ${valueText(from?.[column])} → ${valueText(to?.[column])}`
        : `${column}: ${valueText((to ?? from)?.[column])}`,
    );
  return {
    change,
    key: Object.entries(key)
      .map(([column, value]) => `${column}=${valueText(value)}`)
      .join(' '),
    difference: parts.join(', '),
  };
}

function valueText(value: unknown): string {
  const text = value === null || value === undefined ? 'null' : typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > VALUE_LENGTH ? `${text.slice(0, VALUE_LENGTH - 1)}…` : text;
}

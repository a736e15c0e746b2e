/** The rows that `validate partition DATASET PARTITION` means: a day, a month, or everything. */
import type { Contract } from '../contract/contract.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import type { ScanOptions } from '../table/table-api.js';

export interface PartitionRange {
  /** As the user wrote it: `2017-10-02`, `2017-10` or `all`. */
  readonly name: string;
  /** SQL condition over silver's columns. */
  readonly rowsSql: string;
  /** SQL condition over `partition_hint` of quarantined rows. */
  readonly hintSql: string;
  /** Prunes silver's files. */
  readonly scan: ScanOptions;
}

const MICROSECONDS_PER_DAY = 86_400_000_000n;

/** Throws KS_USAGE for a text that is no partition, or none of this dataset. */
export function partitionRange(contract: Contract, text: string): PartitionRange {
  if (text === 'all') return { name: text, rowsSql: 'true', hintSql: 'true', scan: {} };
  const first = firstDay(text);
  if (first === null) {
    throw new KeystoneError('KS_USAGE', `"${text}" is no partition: write a day (2017-10-02), a month (2017-10) or all`, {
      hint: `keystone validate partition ${contract.dataset} all`,
    });
  }
  const { partition } = contract;
  if (partition === null) {
    throw new KeystoneError('KS_USAGE', `${contract.dataset} is not partitioned: it can only be validated as a whole`, {
      hint: `keystone validate partition ${contract.dataset} all`,
    });
  }
  const isDay = text.length === 10;
  if (isDay && partition.transform === 'month') {
    throw new KeystoneError('KS_USAGE', `${contract.dataset} is partitioned by month, and ${text} is a day`, {
      hint: `keystone validate partition ${contract.dataset} ${text.slice(0, 7)}`,
    });
  }
  const until = isDay ? first + 1 : nextMonth(first);
  const column = quoteIdentifier(partition.column);
  const exact = isDay === (partition.transform === 'day');
  return {
    name: text,
    // Casts to the literal's type would hide the column from pruning; a date compares with both dates and timestamps.
    rowsSql: `(${column} >= DATE ${quoteLiteral(isoDate(first))} AND ${column} < DATE ${quoteLiteral(isoDate(until))})`,
    hintSql: exact ? `partition_hint = ${quoteLiteral(text)}` : `starts_with(partition_hint, ${quoteLiteral(`${text}-`)})`,
    scan: { bounds: [{ column: partition.column, ...bounds(contract, first, until) }] },
  };
}

/** Closed bounds in the column's own unit: days for a date, microseconds for a timestamp. */
function bounds(
  contract: Contract,
  first: number,
  until: number,
): { readonly min: number | bigint; readonly max: number | bigint } {
  const type = contract.columns.find((column) => column.name === contract.partition?.column)?.type;
  if (type?.kind === 'date') return { min: first, max: until - 1 };
  return { min: BigInt(first) * MICROSECONDS_PER_DAY, max: BigInt(until) * MICROSECONDS_PER_DAY - 1n };
}

/** Days since 1970, or null when the text is neither a day nor a month of the calendar. */
function firstDay(text: string): number | null {
  if (!/^(?!0000)\d{4}-\d{2}(-\d{2})?$/.test(text)) return null;
  const day = text.length === 7 ? `${text}-01` : text;
  const time = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== day) return null;
  return time / 86_400_000;
}

const isoDate = (day: number): string => {
  const text = new Date(day * 86_400_000).toISOString();
  return text.slice(0, text.indexOf('T')).replace(/^\+0*/, '');
};
const nextMonth = (day: number): number => {
  const date = new Date(day * 86_400_000);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) / 86_400_000;
};

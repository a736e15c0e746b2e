/** Partition values of gold models: whole years, months or days since 1970, as Iceberg counts them; null stays null. */
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { PartitionField } from '../table/table-api.js';

/** SQL of a date or timestamp's ordinal, the same in both dialects. `expression` is SQL. */
export function ordinalSql(transform: PartitionField['transform'], expression: string): string {
  const date = `CAST(${expression} AS DATE)`;
  switch (transform) {
    case 'year':
      return `CAST(year(${date}) - 1970 AS INTEGER)`;
    case 'month':
      return `CAST((year(${date}) - 1970) * 12 + month(${date}) - 1 AS INTEGER)`;
    default:
      return `CAST(date_diff('day', DATE '1970-01-01', ${date}) AS INTEGER)`;
  }
}

/** SQL condition: the row lies in one of the partitions. */
export function inPartitionsSql(partition: PartitionField, ordinals: readonly (number | null)[]): string {
  const column = quoteIdentifier(partition.column);
  const known = ordinals.filter((ordinal) => ordinal !== null);
  const conditions = [
    ...(known.length > 0 ? [`${ordinalSql(partition.transform, column)} IN (${known.join(', ')})`] : []),
    ...(known.length < ordinals.length ? [`${column} IS NULL`] : []),
  ];
  return conditions.length > 0 ? conditions.join(' OR ') : 'FALSE';
}

/**
 * The same condition as ranges of dates, neighbouring partitions in one: an engine that follows a date through a cast to the column it
 * comes from reads only those partitions of an input.
 */
export function inPartitionRangesSql(partition: PartitionField, ordinals: readonly (number | null)[]): string {
  const column = quoteIdentifier(partition.column);
  const known = ordinals.filter((ordinal) => ordinal !== null).toSorted((a, b) => a - b);
  const ranges: { readonly from: number; readonly until: number }[] = [];
  for (const ordinal of known) {
    const last = ranges.at(-1);
    if (last?.until === ordinal) ranges[ranges.length - 1] = { from: last.from, until: ordinal + 1 };
    else ranges.push({ from: ordinal, until: ordinal + 1 });
  }
  const date = (ordinal: number): string => `DATE ${quoteLiteral(firstDayOf(partition.transform, ordinal))}`;
  const conditions = [
    ...ranges.map(({ from, until }) => `(${column} >= ${date(from)} AND ${column} < ${date(until)})`),
    ...(known.length < ordinals.length ? [`${column} IS NULL`] : []),
  ];
  return conditions.length > 0 ? conditions.join(' OR ') : 'FALSE';
}

/** `YYYY-MM-DD`. */
function firstDayOf(transform: PartitionField['transform'], ordinal: number): string {
  const time =
    transform === 'year' ? Date.UTC(1970 + ordinal, 0) : transform === 'month' ? Date.UTC(1970, ordinal) : ordinal * 86_400_000;
  const text = new Date(time).toISOString();
  return text.slice(0, text.indexOf('T')).replace(/^\+0*/, '');
}

/** `2017`, `2017-10`, `2017-10-02`, or `(no date)`. */
export function partitionLabel(transform: PartitionField['transform'], ordinal: number | null): string {
  if (ordinal === null) return '(no date)';
  if (transform === 'year') return String(1970 + ordinal);
  if (transform === 'month') return new Date(Date.UTC(1970, ordinal)).toISOString().slice(0, 7);
  return new Date(ordinal * 86_400_000).toISOString().slice(0, 10);
}

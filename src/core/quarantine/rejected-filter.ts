/** Which rejected events are meant: the conditions that every look into quarantine takes, and their SQL (DuckDB). */
import { quoteLiteral, quoteQualified } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { type Zone, ZONES, zoneColumns, zoneTable } from './rejected-zone.js';
import { timeBound } from './time-bound.js';

export interface RejectedFilter {
  readonly zone: Zone | 'all';
  readonly dataset?: string;
  /** Beginning of a reason (`rule:`, `missing:customer_id`, `invalid_json`), or a whole one in which `*` stands for any text. */
  readonly reason?: string;
  /** The producer's label, whole. */
  readonly source?: string;
  /** The earliest to take, as `timeBound` reads it. */
  readonly since?: string;
  /** A day is included, a moment is not. */
  readonly until?: string;
  /** Which time is meant: of the rejection, or of the event's arrival in the log. */
  readonly time: 'processed' | 'logged';
}

export const timeColumn = (time: RejectedFilter['time']): string => (time === 'logged' ? 'log_time' : 'processed_at');

/** Boolean SQL over the columns of `zoneColumns`. */
export function rejectedWhere(filter: Omit<RejectedFilter, 'zone'>, nowMs: number): string {
  return [
    'true',
    ...(filter.dataset === undefined ? [] : [`dataset = ${quoteLiteral(filter.dataset)}`]),
    ...(filter.source === undefined ? [] : [`source = ${quoteLiteral(filter.source)}`]),
    ...(filter.reason === undefined
      ? []
      : [`len(list_filter(reasons, lambda reason: ${reasonMatches(filter.reason)('reason')})) > 0`]),
    ...timeWhere(timeColumn(filter.time), filter, nowMs),
  ].join(' AND ');
}

/** The bounds in time alone, over any table that has the column. */
export function timeWhere(column: string, filter: Pick<RejectedFilter, 'since' | 'until'>, nowMs: number): readonly string[] {
  return [
    ...(filter.since === undefined ? [] : [`${column} >= TIMESTAMP ${quoteLiteral(timeBound(filter.since, nowMs).start)}`]),
    ...(filter.until === undefined ? [] : [`${column} < TIMESTAMP ${quoteLiteral(timeBound(filter.until, nowMs).end)}`]),
  ];
}

/** Boolean SQL: the reason is one of those that the pattern means. */
export const reasonMatches =
  (pattern: string) =>
  (column: string): string =>
    pattern.includes('*')
      ? `${column} LIKE ${quoteLiteral(pattern.replaceAll(/[\\%_]/g, String.raw`\$&`).replaceAll('*', '%'))} ESCAPE '\\'`
      : `starts_with(${column}, ${quoteLiteral(pattern)})`;

/**
 * SELECT of the zones' events under the columns of `zoneColumns`, and `extra` ones that both tables have; null when neither table
 * exists yet.
 */
export async function rejectedSql(
  lakehouse: Pick<Lakehouse, 'table'>,
  zone: RejectedFilter['zone'],
  extra: readonly string[] = [],
): Promise<string | null> {
  const selects: string[] = [];
  for (const each of zone === 'all' ? ZONES : [zone]) {
    const name = zoneTable(each);
    if ((await lakehouse.table(name)) === null) continue;
    selects.push(`SELECT ${[zoneColumns(each), ...extra].join(', ')} FROM ${quoteQualified(name)}`);
  }
  return selects.length === 0 ? null : selects.join(' UNION ALL ');
}

/**
 * Text of a column of bytes: what it says when it is UTF-8, else its ASCII with `\xHH` for the rest. The `decode` must not stand
 * anywhere else in the statement (docs/design.md, "Non-obvious").
 */
export const bytesText = (column: string): string => `coalesce(TRY(decode(${column})), CAST(${column} AS VARCHAR))`;

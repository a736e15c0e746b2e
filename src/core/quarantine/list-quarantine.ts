/** `quarantine list`: which events were rejected, and why. */
import { quoteLiteral, quoteQualified } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { type RejectedEvent, rejectedEvent, type Zone, zoneColumns, zoneTable } from './rejected-zone.js';

export interface QuarantineFilter {
  readonly zone: Zone;
  readonly dataset?: string;
  /** Beginning of a reason: `rule:`, `missing:customer_id`, `invalid_json`. */
  readonly reason?: string;
  /** UTC day or moment, the earliest to show. */
  readonly since?: string;
  /** UTC day (that day included) or moment (not included). */
  readonly until?: string;
  /** Which time `since` and `until` mean: of the rejection, or of the event's arrival in the log. */
  readonly time?: 'processed' | 'logged';
  readonly limit: number;
}

export interface QuarantineList {
  readonly zone: Zone;
  /** All that match, not only those listed. */
  readonly total: number;
  /** Over all that match; an event with several reasons counts for each. Most frequent first. */
  readonly byReason: readonly { readonly dataset: string; readonly reason: string; readonly events: number }[];
  /** Newest rejection first. */
  readonly rows: readonly RejectedEvent[];
}

/** Throws KS_USAGE for an unreadable date. A lake that never rejected anything gives an empty list. */
export async function listQuarantine(lakehouse: Lakehouse, filter: QuarantineFilter): Promise<QuarantineList> {
  const where = conditions(filter);
  const name = zoneTable(filter.zone);
  if ((await lakehouse.table(name)) === null) return { zone: filter.zone, total: 0, byReason: [], rows: [] };
  const engine = await lakehouse.engine();
  const matching = `(SELECT ${zoneColumns(filter.zone)} FROM ${quoteQualified(name)}) AS rejected WHERE ${where}`;
  const counts = await engine.query(
    `SELECT dataset, reason, count(*) AS events, (SELECT count(*) FROM ${matching}) AS total
     FROM (SELECT dataset, unnest(list_distinct(reasons)) AS reason FROM ${matching}) AS reasons
     GROUP BY dataset, reason ORDER BY events DESC, dataset, reason`,
  );
  const rows = await engine.query(
    `SELECT * FROM ${matching} ORDER BY processed_at DESC, topic, kafka_partition, kafka_offset LIMIT ${Math.max(0, Math.trunc(filter.limit))}`,
  );
  return {
    zone: filter.zone,
    total: Number(counts.rows[0]?.['total'] ?? 0),
    byReason: counts.rows.map((row) => ({
      dataset: String(row['dataset']),
      reason: String(row['reason']),
      events: Number(row['events']),
    })),
    rows: rows.rows.map(rejectedEvent),
  };
}

function conditions(filter: QuarantineFilter): string {
  const time = filter.time === 'logged' ? 'log_time' : 'processed_at';
  return [
    'true',
    ...(filter.dataset === undefined ? [] : [`dataset = ${quoteLiteral(filter.dataset)}`]),
    ...(filter.reason === undefined
      ? []
      : [`len(list_filter(reasons, lambda reason: starts_with(reason, ${quoteLiteral(filter.reason)}))) > 0`]),
    ...(filter.since === undefined ? [] : [`${time} >= TIMESTAMP ${quoteLiteral(moment(filter.since).start)}`]),
    ...(filter.until === undefined ? [] : [`${time} < TIMESTAMP ${quoteLiteral(moment(filter.until).end)}`]),
  ].join(' AND ');
}

/** A day begins at its first and ends behind its last microsecond; a moment is both. As DuckDB writes timestamps, UTC. */
function moment(text: string): { readonly start: string; readonly end: string } {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text);
  const isMoment = /^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z?$/.test(text);
  const time = isDay
    ? Date.parse(`${text}T00:00:00Z`)
    : isMoment
      ? Date.parse(`${text.replace(' ', 'T').replace(/Z$/, '')}Z`)
      : Number.NaN;
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(text.slice(0, 10))) {
    throw new KeystoneError('KS_USAGE', `"${text}" is no date: write a day (2018-08-31) or a UTC moment (2018-08-31T12:00:00)`);
  }
  return { start: timestampText(time), end: timestampText(isDay ? time + 86_400_000 : time) };
}

const timestampText = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');

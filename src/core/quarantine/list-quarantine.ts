/** `quarantine list`: which events were rejected, and why. */
import { quoteQualified } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { type RejectedFilter, rejectedWhere } from './rejected-filter.js';
import { type RejectedEvent, rejectedEvent, type Zone, zoneColumns, zoneTable } from './rejected-zone.js';

export interface QuarantineFilter extends Partial<Omit<RejectedFilter, 'zone'>> {
  readonly zone: Zone;
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
  const where = rejectedWhere({ time: 'processed', ...filter }, lakehouse.effects.clock.nowMs());
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

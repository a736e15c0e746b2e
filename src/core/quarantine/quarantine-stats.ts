/** `quarantine stats`: how many events were rejected, of whom, why and since when. */
import type { JsonValue } from '../engine/sql-engine.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { nearestName } from '../nearest-name.js';
import { type RejectedFilter, reasonMatches, rejectedSql, rejectedWhere, timeColumn, timeWhere } from './rejected-filter.js';

/** What events can be counted by; an event with several reasons counts for each of them. */
export const STATS_DIMENSIONS = ['zone', 'dataset', 'reason', 'contract', 'source', 'day', 'topic'] as const;
export type StatsDimension = (typeof STATS_DIMENSIONS)[number];

/** `dataset,reason` → the dimensions; throws KS_USAGE naming those that there are. */
export function parseDimensions(text: string): readonly StatsDimension[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !STATS_DIMENSIONS.some((dimension) => dimension === name));
  if (wrong !== undefined) {
    const near = nearestName(wrong, STATS_DIMENSIONS);
    throw new KeystoneError('KS_USAGE', `rejected events cannot be counted by "${wrong}"`, {
      hint: `${near === undefined ? '' : `did you mean "${near}"? `}count by ${STATS_DIMENSIONS.join(', ')}`,
    });
  }
  return [...new Set(names)] as readonly StatsDimension[];
}

/** Slices of the time asked for, of equal length. */
const TREND_SLICES = 12;

export interface StatsRow {
  readonly zone?: string;
  readonly dataset?: string;
  readonly reason?: string;
  /** Contract version; null where no contract was asked. */
  readonly contract?: string | null;
  /** The producer's label. */
  readonly source?: string;
  /** UTC day, `2018-08-31`. */
  readonly day?: string;
  readonly topic?: string;
  readonly events: number;
  /**
   * Part of all events of the same dataset, source, day and topic (those of them that are counted by) that arrived in the time asked for, 0 to 1;
   * null when the time asked for is that of the rejection, which accepted events do not have.
   */
  readonly share: number | null;
  /** UTC, in the time asked for. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Events in each twelfth of the time between the first and the last event of the whole result, oldest first. */
  readonly trend: readonly number[];
}

export interface QuarantineStats {
  /** Distinct events that match, whatever they are counted by. */
  readonly total: number;
  /** How many groups there are, not only those in `rows`. */
  readonly groups: number;
  readonly by: readonly StatsDimension[];
  /** What the trends span, UTC; null when nothing matches. */
  readonly from: string | null;
  readonly to: string | null;
  /** Most events first. */
  readonly rows: readonly StatsRow[];
}

/** SQL of a dimension over the rejected events. */
const COLUMNS: Readonly<Record<StatsDimension, (time: string) => string>> = {
  zone: () => 'zone',
  dataset: () => 'dataset',
  reason: () => 'reason',
  contract: () => 'contract_version',
  source: () => 'source',
  day: (time) => `strftime(${time}, '%Y-%m-%d')`,
  topic: () => 'topic',
};

/** Those that every event has, be it rejected or not. */
const OF_EVERY_EVENT: readonly StatsDimension[] = ['dataset', 'source', 'day', 'topic'];

/** Throws KS_USAGE for an unreadable date. A lake that never rejected anything gives no rows. */
export async function quarantineStats(
  lakehouse: Lakehouse,
  filter: RejectedFilter & { readonly by: readonly StatsDimension[]; readonly limit: number; readonly signal?: AbortSignal },
): Promise<QuarantineStats> {
  const { by, limit } = filter;
  const nowMs = lakehouse.effects.clock.nowMs();
  const where = rejectedWhere(filter, nowMs);
  const rejected = await rejectedSql(lakehouse, filter.zone);
  const nothing: QuarantineStats = { total: 0, groups: 0, by, from: null, to: null, rows: [] };
  if (rejected === null) return nothing;
  const engine = await lakehouse.engine();
  const time = timeColumn(filter.time);
  const options = filter.signal ? { signal: filter.signal } : {};
  const dimensions = by.map((dimension) => `${COLUMNS[dimension](time)} AS "by_${dimension}"`);
  const counted = by.includes('reason')
    ? `SELECT * FROM (SELECT *, unnest(list_distinct(reasons)) AS reason FROM matching)
       WHERE ${filter.reason === undefined ? 'true' : reasonMatches(filter.reason)('reason')}`
    : 'SELECT * FROM matching';
  const slices = Array.from({ length: TREND_SLICES }, (_, slice) => `count(*) FILTER (slice = ${slice})`);
  const { rows } = await engine.query(
    `WITH matching AS (SELECT * FROM (${rejected}) WHERE ${where}),
       span AS (SELECT count(*) AS total, min(${time}) AS earliest, max(${time}) AS latest FROM matching),
       counted AS (${counted})
     SELECT ${[...dimensions, ''].join(', ')} count(*) AS events, min(${time}) AS first_seen, max(${time}) AS last_seen,
       [${slices.join(', ')}] AS trend, any_value(total) AS total, any_value(earliest) AS earliest, any_value(latest) AS latest,
       count(*) OVER () AS groups
     FROM (SELECT *, floor(${TREND_SLICES} * (epoch_us(${time}) - epoch_us(earliest)) / (epoch_us(latest) - epoch_us(earliest) + 1)) AS slice
       FROM counted, span)
     ${by.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${by.map((dimension) => `"by_${dimension}"`).join(', ')}`}
     ORDER BY ${['events DESC', ...by.map((dimension) => `"by_${dimension}"`)].join(', ')} LIMIT ${Math.max(1, Math.trunc(limit))}`,
    options,
  );
  const first = rows[0];
  if (!first) return nothing;
  const landed = filter.time === 'logged' ? await landedEvents(lakehouse, filter, nowMs) : null;
  return {
    total: Number(first['total']),
    groups: Number(first['groups']),
    by,
    from: String(first['earliest']),
    to: String(first['latest']),
    rows: rows.slice(0, limit).map((row) => statsRow(row, by, landed)),
  };
}

function statsRow(
  row: Readonly<Record<string, JsonValue>>,
  by: readonly StatsDimension[],
  landed: ReadonlyMap<string, number> | null,
): StatsRow {
  const events = Number(row['events']);
  const all = landed?.get(landedKey(row, by));
  return {
    ...Object.fromEntries(by.map((dimension) => [dimension, row[`by_${dimension}`] ?? null])),
    events,
    share: all === undefined || all === 0 ? null : events / all,
    firstSeen: String(row['first_seen']),
    lastSeen: String(row['last_seen']),
    trend: (row['trend'] as readonly JsonValue[]).map(Number),
  };
}

const landedKey = (row: Readonly<Record<string, JsonValue>>, by: readonly StatsDimension[]): string =>
  JSON.stringify(OF_EVERY_EVENT.filter((dimension) => by.includes(dimension)).map((dimension) => row[`by_${dimension}`] ?? null));

/** All events of bronze in the time asked for, by those of the dimensions that every event has. */
async function landedEvents(
  lakehouse: Lakehouse,
  filter: RejectedFilter & { readonly by: readonly StatsDimension[]; readonly signal?: AbortSignal },
  nowMs: number,
): Promise<ReadonlyMap<string, number> | null> {
  if ((await lakehouse.table('bronze.events')) === null) return null;
  const shared = OF_EVERY_EVENT.filter((dimension) => filter.by.includes(dimension));
  const columns = shared.map((dimension) => `${COLUMNS[dimension]('log_time')} AS "by_${dimension}"`);
  const { rows } = await (
    await lakehouse.engine()
  ).query(
    `SELECT ${[...columns, ''].join(', ')} count(*) AS events FROM "bronze"."events"
     WHERE ${['true', ...timeWhere('log_time', filter, nowMs)].join(' AND ')}
     ${shared.length === 0 ? '' : `GROUP BY ${shared.map((dimension) => `"by_${dimension}"`).join(', ')}`}`,
    filter.signal ? { signal: filter.signal } : {},
  );
  return new Map(rows.map((row) => [landedKey(row, filter.by), Number(row['events'])]));
}

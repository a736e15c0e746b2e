/** What expired in the log before the lake read it, by partition: exact offsets, and between which times the lost events lie. */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { filesHolding } from '../bronze/files-holding.js';
import { quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import { loggedAtUs } from '../lag/measure-lag.js';
import type { Lakehouse } from '../lakehouse.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { scanSql } from '../table/scan-sql.js';
import { partitionsAhead, snapshotNextOffsets } from '../table/snapshot-offsets.js';
import type { Table, TableState } from '../table/table-api.js';
import { checkEnds, truncatedPartitions, type TruncatedPartition } from './check-bounds.js';
import { sameLog } from './log-recreated.js';

export interface LostOffsets {
  readonly partition: number;
  /** What the lake needs next: the first offset that is lost. */
  readonly lakeOffset: number;
  /** First offset that the log still holds. */
  readonly logStart: number;
  /** Offsets between them. Those that never were an event (compacted away before, markers of transactions) count too. */
  readonly eventsAtMost: number;
  /** When the log took the last event that the lake holds, ISO 8601; null where there is none. */
  readonly lastLandedAt: string | null;
  /** When it took the first one that it still holds; null where none is left. */
  readonly firstHeldAt: string | null;
}

export interface Loss {
  readonly topic: string;
  /** Identity of the topic, as `EventLog.topicId` gives it. */
  readonly logId: string | null;
  /** null before anything was landed. */
  readonly bronze: TableState | null;
  /** Ascending by partition; empty: nothing is lost. */
  readonly lost: readonly LostOffsets[];
}

/**
 * `only`: the partitions that are asked for; empty: all. Throws KS_NOT_FOUND for a topic or partition that is not there, KS_LOG_RECREATED,
 * and KS_TABLE_CORRUPT where something is lost and bronze was rolled back from a snapshot that holds more of the topic, of whichever partition.
 */
export async function findLoss(lakehouse: Lakehouse, only: readonly number[]): Promise<Loss> {
  const { topic } = lakehouse.config.profile.log;
  const log = await lakehouse.log();
  const table = await lakehouse.table(BRONZE_EVENTS.name);
  const before = table && (await table.state());
  const logId = before ? await sameLog(log, before, topic) : await log.topicId(topic);
  const bounds = await log.bounds(topic);
  checkEnds(topic, bounds, before?.nextOffsets.get(topic) ?? new Map());
  requirePartitions(topic, bounds, only);
  // Again: what the log has lost since may have been landed before.
  const bronze = table && (await table.state());
  const next = bronze?.nextOffsets.get(topic) ?? new Map<number, number>();
  const truncated = truncatedPartitions(bounds, next).filter(({ partition }) => only.length === 0 || only.includes(partition));
  if (bronze && truncated.length > 0) refuseRecoverable(topic, bronze, truncated);
  const landedAt = table && truncated.length > 0 ? await lastLandedTimes(lakehouse, table, topic, truncated) : new Map();
  const lost: LostOffsets[] = [];
  for (const one of truncated) {
    const { partition, lakeOffset, startOffset } = one;
    lost.push({
      partition,
      lakeOffset,
      logStart: startOffset,
      eventsAtMost: startOffset - lakeOffset,
      lastLandedAt: isoText(landedAt.get(partition) ?? null),
      firstHeldAt: isoText(await loggedAtUs(lakehouse, topic, one, startOffset)),
    });
  }
  return { topic, logId, bronze, lost };
}

function requirePartitions(topic: string, bounds: readonly { readonly partition: number }[], only: readonly number[]): void {
  const hint = 'keystone lag show';
  if (bounds.length === 0) throw new KeystoneError('KS_NOT_FOUND', `Topic ${topic} does not exist in the log`, { hint });
  const missing = only.find((partition) => !bounds.some((bound) => bound.partition === partition));
  if (missing === undefined) return;
  const last = bounds.at(-1)?.partition;
  throw new KeystoneError('KS_NOT_FOUND', `${topic} has no partition ${missing}: it has 0 to ${last}`, { hint });
}

/**
 * A snapshot that a rollback left behind may hold what the log does not any more, now or by tomorrow. It can be made current again only
 * while nothing is landed beside it: an accepted loss of any partition would give it up.
 */
function refuseRecoverable(topic: string, bronze: TableState, truncated: readonly TruncatedPartition[]): void {
  const newer = bronze.rolledBackFrom;
  if (!newer) return;
  const ahead = partitionsAhead(newer, topic, bronze.nextOffsets);
  const lost = ahead.find((partition) => truncated.some((one) => one.partition === partition));
  const held = lost ?? ahead[0];
  if (held === undefined) return;
  const why =
    lost === undefined ? `nothing of ${topic} is given up while that snapshot could become current again` : 'it is not lost';
  throw new KeystoneError(
    'KS_TABLE_CORRUPT',
    `${BRONZE_EVENTS.name} was rolled back from snapshot ${newer.id}, which holds ${topic} partition ${held} up to ${nextOffsetOf(snapshotNextOffsets(newer), topic, held)}: ${why}`,
    { hint: `keystone table rollback ${BRONZE_EVENTS.name} --to ${newer.id} --dry-run` },
  );
}

/** Offsets below the lake's in which its last event is looked for: at once, then behind a hole. */
const LOOKS = [1, 1_000_000];

/** µs since the epoch, by partition; without those whose last event was not found. */
async function lastLandedTimes(
  lakehouse: Lakehouse,
  bronze: Table,
  topic: string,
  truncated: readonly TruncatedPartition[],
): Promise<ReadonlyMap<number, number>> {
  const times = new Map<number, number>();
  const landed = truncated.filter(({ lakeOffset }) => lakeOffset > 0);
  if (landed.length === 0) return times;
  const session = await lakehouse.duck();
  try {
    const { fields } = await bronze.state();
    for (const { partition, lakeOffset } of landed) {
      for (const look of LOOKS) {
        const from = Math.max(0, lakeOffset - look);
        const files = await filesHolding(bronze, [{ topic, partition, from, toExclusive: lakeOffset }]);
        const [row] = await session.rows<{ us: bigint | null }>(
          `SELECT max(epoch_us(log_time)) AS us FROM (${await scanSql(fields, files, bronze.store)})
           WHERE topic = ${quoteLiteral(topic)} AND kafka_partition = ${partition} AND kafka_offset BETWEEN ${from} AND ${lakeOffset - 1}`,
        );
        if (row?.us == null) continue;
        times.set(partition, Number(row.us));
        break;
      }
    }
    return times;
  } finally {
    await session.close();
  }
}

const isoText = (us: number | null): string | null => (us === null ? null : new Date(Math.floor(us / 1000)).toISOString());

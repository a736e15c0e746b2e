/**
 * How far the lake is behind the log, per partition. The lake's own offsets (bronze's next offset) are the truth; the offsets that
 * were committed to the log are shown beside them as what other lag tools see.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { isOtherLog } from '../bronze/log-identity.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { PartitionBounds } from '../log/event-log.js';

export interface PartitionLag {
  readonly partition: number;
  /** First offset that the log still holds. */
  readonly startOffset: number;
  /** One behind the log's newest event. */
  readonly endOffset: number;
  /** What the group committed to the log as a hint; null when it never did. */
  readonly committedOffset: number | null;
  /** Where bronze goes on; 0 before anything landed. */
  readonly lakeOffset: number;
  /** Events in the log that are not in bronze. */
  readonly lagEvents: number;
  /** Age of the oldest of them; 0 when there is none. */
  readonly lagSeconds: number;
  /** `truncated`: events expired before bronze read them; `recreated`: the log ends below what bronze holds, or the topic is another one. */
  readonly condition: 'ok' | 'truncated' | 'recreated';
}

export interface Lag {
  readonly topic: string;
  readonly group: string;
  readonly partitions: readonly PartitionLag[];
  readonly total: {
    readonly endOffset: number;
    readonly lakeOffset: number;
    readonly lagEvents: number;
    /** That of the partition which is furthest behind. */
    readonly lagSeconds: number;
  };
}

/** Throws KS_NOT_FOUND when the topic does not exist. Topic and group default to the project's. */
export async function measureLag(
  lakehouse: Lakehouse,
  of: { readonly topic?: string | undefined; readonly group?: string | undefined } = {},
): Promise<Lag> {
  const { config, effects } = lakehouse;
  const topic = of.topic ?? config.profile.log.topic;
  const group = of.group ?? config.consume.group;
  const log = await lakehouse.log();
  // The lake is read first: an event that lands in between counts as lag, never as an end below the lake.
  const bronze = await lakehouse.table(BRONZE_EVENTS.name);
  const state = await bronze?.state();
  const lake = state?.nextOffsets.get(topic);
  const bounds = await log.bounds(topic);
  if (bounds.length === 0) {
    throw new KeystoneError('KS_NOT_FOUND', `Topic ${topic} does not exist in the log`, {
      hint: 'Send events first (keystone ingest csv, keystone ingest serve), or name another one with --topic.',
    });
  }
  const isOther = state !== undefined && isOtherLog(state, topic, await log.topicId(topic));
  const committed = await log.committedOffsets(group, topic);
  const nowMs = effects.clock.nowMs();
  const partitions = await Promise.all(
    bounds.map(async (bound): Promise<PartitionLag> => {
      const { partition, startOffset, endOffset } = bound;
      const lakeOffset = lake?.get(partition) ?? 0;
      const lagEvents = Math.max(0, endOffset - lakeOffset);
      const oldestAtUs = lagEvents === 0 ? null : await loggedAtUs(lakehouse, topic, bound, lakeOffset);
      return {
        partition,
        startOffset,
        endOffset,
        committedOffset: committed.get(partition) ?? null,
        lakeOffset,
        lagEvents,
        lagSeconds: oldestAtUs === null ? 0 : Math.max(0, nowMs - oldestAtUs / 1000) / 1000,
        condition: isOther || endOffset < lakeOffset ? 'recreated' : startOffset > lakeOffset ? 'truncated' : 'ok',
      };
    }),
  );
  const sum = (count: (lag: PartitionLag) => number): number => partitions.reduce((total, lag) => total + count(lag), 0);
  return {
    topic,
    group,
    partitions,
    total: {
      endOffset: sum((lag) => lag.endOffset),
      lakeOffset: sum((lag) => lag.lakeOffset),
      lagEvents: sum((lag) => lag.lagEvents),
      lagSeconds: Math.max(...partitions.map((lag) => lag.lagSeconds)),
    },
  };
}

/** When the log took the first event at or after `offset`, µs; null when only a hole is left. */
export async function loggedAtUs(
  lakehouse: Lakehouse,
  topic: string,
  bound: PartitionBounds,
  offset: number,
): Promise<number | null> {
  const log = await lakehouse.log();
  for (let at = Math.max(offset, bound.startOffset); at < bound.endOffset;) {
    const { records, nextOffset } = await log.read(topic, bound.partition, at, { maxRecords: 1, maxBytes: 1 });
    if (records[0]) return records[0].timestampUs;
    if (nextOffset <= at) return null;
    at = nextOffset;
  }
  return null;
}

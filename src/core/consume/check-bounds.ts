/** Whether the log still holds what the lake needs next. What it no longer has, or never had, is an incident: it is named, never skipped. */
import { logTruncated } from '../log/log-truncated.js';
import type { PartitionBounds } from '../log/event-log.js';
import { logRecreated } from './log-recreated.js';

/** A partition that begins above what the lake needs next. */
export interface TruncatedPartition {
  readonly partition: number;
  /** What the lake needs next. */
  readonly lakeOffset: number;
  /** First offset still held; all from `lakeOffset` up to it are gone. */
  readonly startOffset: number;
  readonly endOffset: number;
}

/** Throws KS_LOG_RECREATED where the log ends below what the lake holds. `next`: where the lake goes on, by partition. */
export function checkEnds(topic: string, bounds: readonly PartitionBounds[], next: ReadonlyMap<number, number>): void {
  const partitions = new Set(bounds.map(({ partition }) => partition));
  for (const [partition, expected] of next) {
    if (expected === 0 || partitions.has(partition)) continue;
    const what = bounds.length === 0 ? `${topic} does not exist in the log` : `${topic} has no partition ${partition} any more`;
    throw logRecreated(topic, `${what}, but the lake holds it up to ${expected}`, {
      partition,
      endOffset: null,
      lakeOffset: expected,
    });
  }
  for (const { partition, endOffset } of bounds) {
    const expected = next.get(partition) ?? 0;
    if (endOffset >= expected) continue;
    throw logRecreated(
      topic,
      `${topic} partition ${partition} ends at ${endOffset}, but the lake already holds it up to ${expected}`,
      { partition, endOffset, lakeOffset: expected },
    );
  }
}

/** Ascending by partition. */
export const truncatedPartitions = (
  bounds: readonly PartitionBounds[],
  next: ReadonlyMap<number, number>,
): readonly TruncatedPartition[] =>
  bounds
    .map((bound) => ({ ...bound, lakeOffset: next.get(bound.partition) ?? 0 }))
    .filter(({ startOffset, lakeOffset }) => startOffset > lakeOffset);

/**
 * Throws KS_LOG_RECREATED, KS_LOG_TRUNCATED. `own`: the partitions whose start is judged; another member of the group may just be landing
 * what its partition no longer holds. null: all.
 */
export function checkBounds(
  topic: string,
  bounds: readonly PartitionBounds[],
  next: ReadonlyMap<number, number>,
  own: ReadonlySet<number> | null = null,
): void {
  checkEnds(topic, bounds, next);
  const first = truncatedPartitions(bounds, next).find(({ partition }) => own?.has(partition) ?? true);
  if (!first) return;
  const { partition, startOffset, lakeOffset } = first;
  throw logTruncated(
    `${topic} partition ${partition} begins at ${startOffset}, but the lake needs ${lakeOffset}: ${startOffset - lakeOffset} events expired unread`,
    { topic, partition, startOffset, lakeOffset },
  );
}

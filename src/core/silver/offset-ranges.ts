/** Offset ranges of one topic as the derivation of silver uses them, and their SQL. */
import { quoteLiteral } from '../engine/sql-text.js';
import type { NextOffsets, OffsetFence } from '../table/table-api.js';

/** `[from, toExclusive)` of one partition. */
export interface PartitionRange {
  readonly partition: number;
  readonly from: number;
  readonly toExclusive: number;
}

/** A range of the topic: what one derivation step works on. */
export interface TopicRange {
  readonly topic: string;
  /** Without empty ones, ascending by partition. */
  readonly partitions: readonly PartitionRange[];
}

export const nextOffsetOf = (nextOffsets: NextOffsets, topic: string, partition: number): number =>
  nextOffsets.get(topic)?.get(partition) ?? 0;

/** Boolean SQL: the row lies in the range. An empty range holds no row. */
export function inRangeSql(
  range: TopicRange,
  columns: { readonly topic: string; readonly partition: string; readonly offset: string },
): string {
  if (range.partitions.length === 0) return 'false';
  const partitions = range.partitions.map(
    ({ partition, from, toExclusive }) =>
      `(${columns.partition} = ${partition} AND ${columns.offset} >= ${from} AND ${columns.offset} < ${toExclusive})`,
  );
  return `(${columns.topic} = ${quoteLiteral(range.topic)} AND (${partitions.join(' OR ')}))`;
}

/** The fence for a table that was at `base` when the range was computed; a table that lags behind (nothing of the range's past was its own) catches up. */
export const fenceFor = (range: TopicRange, base: NextOffsets, fencingToken: number): OffsetFence => ({
  ranges: range.partitions.map(({ partition, toExclusive }) => ({
    topic: range.topic,
    partition,
    expectedNext: nextOffsetOf(base, range.topic, partition),
    endExclusive: toExclusive,
  })),
  fencingToken,
});

/** A table whose next offsets already cover the range took it before a crash; there is nothing left to do for it. */
export const alreadyCovers = (nextOffsets: NextOffsets, range: TopicRange): boolean =>
  range.partitions.every(({ partition, toExclusive }) => nextOffsetOf(nextOffsets, range.topic, partition) >= toExclusive);

/** `{"topic":"t","partitions":[[partition,from,toExclusive],…]}`: how a snapshot's summary names the range it brought. */
export const printRange = (range: TopicRange): string =>
  JSON.stringify({
    topic: range.topic,
    partitions: range.partitions.map(({ partition, from, toExclusive }) => [partition, from, toExclusive]),
  });

export function parseRange(text: string): TopicRange {
  const { topic, partitions } = JSON.parse(text) as { topic: string; partitions: [number, number, number][] };
  return { topic, partitions: partitions.map(([partition, from, toExclusive]) => ({ partition, from, toExclusive })) };
}

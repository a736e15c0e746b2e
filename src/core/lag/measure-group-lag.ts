/**
 * The lag of a consumer group, as metrics tell it. For the project's own group the lake counts too: what it committed to the log is a
 * hint that may be left out, and a topic that then rests would look behind for ever.
 */
import type { Lakehouse } from '../lakehouse.js';
import { incidentsOf, type LagIncident } from './lag-incidents.js';
import { loggedAtUs, measureLag, type PartitionLag } from './measure-lag.js';

export interface GroupPartitionLag {
  readonly partition: number;
  /** Events between what the group has consumed and the end of the log. */
  readonly consumerLag: number;
  /** Age of the oldest of them; 0 when there is none. */
  readonly timeLagSeconds: number;
  /** Events of the log that are not in bronze. */
  readonly lakeLag: number;
}

export interface GroupLag {
  readonly topic: string;
  readonly group: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly partitions: readonly GroupPartitionLag[];
  /** Sums; of the times, that of the partition which is furthest behind. */
  readonly total: Omit<GroupPartitionLag, 'partition'>;
  readonly incidents: readonly LagIncident[];
}

/** Throws what `measureLag` throws. Topic and group default to the project's. */
export async function measureGroupLag(
  lakehouse: Lakehouse,
  of: { readonly topic?: string | undefined; readonly group?: string | undefined } = {},
): Promise<GroupLag> {
  const lag = await measureLag(lakehouse, of);
  const isOwn = lag.group === lakehouse.config.consume.group && lag.topic === lakehouse.config.profile.log.topic;
  const atMs = lakehouse.effects.clock.nowMs();
  const partitions = await Promise.all(
    lag.partitions.map(async (partition): Promise<GroupPartitionLag> => {
      const { startOffset, endOffset } = partition;
      const position = positionOf(partition, isOwn);
      // Of a topic that was made anew, nothing is in the lake, whatever its offsets say.
      const lakeOffset = partition.condition === 'recreated' ? startOffset : partition.lakeOffset;
      const lakeLag = endOffset - lakeOffset;
      const consumerLag = endOffset - position;
      const oldestAtUs =
        consumerLag === 0 ? null : await loggedAtUs(lakehouse, lag.topic, { ...partition, startOffset, endOffset }, position);
      const timeLagSeconds = oldestAtUs === null ? 0 : Math.max(0, Math.round(atMs - oldestAtUs / 1000)) / 1000;
      return { partition: partition.partition, consumerLag, timeLagSeconds, lakeLag };
    }),
  );
  const sum = (count: (of: GroupPartitionLag) => number): number =>
    partitions.reduce((total, partition) => total + count(partition), 0);
  return {
    topic: lag.topic,
    group: lag.group,
    atMs,
    partitions,
    total: {
      consumerLag: sum((partition) => partition.consumerLag),
      timeLagSeconds: Math.max(...partitions.map((partition) => partition.timeLagSeconds)),
      lakeLag: sum((partition) => partition.lakeLag),
    },
    incidents: incidentsOf(lag.partitions),
  };
}

/** Where the group goes on: from the log's start when it never said. Beyond the end means another topic of this name. */
function positionOf({ committedOffset, lakeOffset, startOffset, endOffset, condition }: PartitionLag, isOwn: boolean): number {
  if (isOwn && condition === 'recreated') return startOffset;
  const committed = committedOffset === null || committedOffset > endOffset ? startOffset : committedOffset;
  return isOwn ? Math.max(committed, lakeOffset) : committed;
}

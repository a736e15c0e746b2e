/** What went wrong with a partition, in words: conditions that hold, and offsets that fell between two samples. */
import type { PartitionLag } from './measure-lag.js';

/**
 * `truncated` and `recreated` hold until somebody acts. `log_fell` and `lake_fell` are told once, when they are seen: the end of the
 * log or the lake's own offset went back since the sample before.
 */
export interface LagIncident {
  readonly kind: 'truncated' | 'recreated' | 'log_fell' | 'lake_fell';
  readonly partition: number;
  readonly message: string;
}

/** The condition of a partition, null when it is in order. */
export function conditionOf(lag: PartitionLag): LagIncident | null {
  const { partition, condition, startOffset, endOffset, lakeOffset } = lag;
  const incident = (kind: LagIncident['kind'], message: string): LagIncident => ({
    kind,
    partition,
    message: `partition ${partition}: ${message}`,
  });
  switch (condition) {
    case 'ok':
      return null;
    case 'truncated':
      return incident(
        'truncated',
        `${startOffset - lakeOffset} events expired before they were read (keystone consume accept-loss --dry-run)`,
      );
    case 'recreated':
      return incident(
        'recreated',
        endOffset < lakeOffset
          ? `the log ends at ${endOffset}, below the lake's ${lakeOffset}: the topic was recreated`
          : `the lake's ${lakeOffset} is of another topic of this name: the topic was recreated`,
      );
  }
}

/** Conditions now, and what fell since `before`, in partition order. */
export function incidentsOf(now: readonly PartitionLag[], before: readonly PartitionLag[] = []): readonly LagIncident[] {
  const earlier = new Map(before.map((lag) => [lag.partition, lag]));
  return now.flatMap((lag) => {
    const { partition, endOffset, lakeOffset } = lag;
    const last = earlier.get(partition);
    const fell = (kind: 'log_fell' | 'lake_fell', what: string, from: number, to: number): LagIncident => ({
      kind,
      partition,
      message: `partition ${partition}: ${what} went back from ${from} to ${to}`,
    });
    const condition = conditionOf(lag);
    return [
      ...(condition ? [condition] : []),
      ...(last && endOffset < last.endOffset ? [fell('log_fell', 'the log’s end', last.endOffset, endOffset)] : []),
      ...(last && lakeOffset < last.lakeOffset
        ? [fell('lake_fell', 'the lake (rolled back, or another one)', last.lakeOffset, lakeOffset)]
        : []),
    ];
  });
}

/** What a consumer tells while it works: log lines of its life, and its numbers. Names, counts and places only. */
import type { CareTotals } from '../care/automatic-care.js';
import type { Lakehouse } from '../lakehouse.js';
import type { PartitionBounds } from '../log/event-log.js';
import type { DerivedCounts } from '../silver/derivation.js';
import type { OffsetRange } from '../table/table-api.js';

export interface ConsumeTelemetry {
  /** A batch was committed to bronze; `bounds` are asked for only where somebody counts. */
  landed(batch: {
    readonly events: number;
    /** Memory of the events. */
    readonly bytes: number;
    readonly seconds: number;
    readonly ranges: readonly OffsetRange[];
    readonly bounds: () => Promise<readonly PartitionBounds[]>;
  }): Promise<void>;
  /** Nothing waits in the partitions that this consumer lands. */
  caughtUp(): void;
  derived(counts: DerivedCounts, seconds: number): void;
  /** Another builder was quicker with a batch or a range. */
  lost(step: 'land' | 'derive', reason: string): void;
  cared(done: CareTotals, seconds: number): void;
}

export function consumeTelemetry({ effects, config }: Lakehouse): ConsumeTelemetry {
  const { logger, metrics } = effects;
  const { topic } = config.profile.log;
  const labels = { topic };
  const behind = new Set<number>();
  return {
    landed: async ({ events, bytes, seconds, ranges, bounds }) => {
      const partitions = ranges.map(
        ({ partition, expectedNext, endExclusive }) => `${partition}:${expectedNext}-${endExclusive}`,
      );
      logger?.info('batch.landed', { topic, events, bytes, seconds, partitions });
      if (!metrics) return;
      metrics.count('keystone_landed_events_total', events, labels);
      metrics.count('keystone_landed_bytes_total', bytes, labels);
      metrics.observe('keystone_batch_seconds', seconds, { step: 'land' });
      // The batch is committed: a log that does not answer now is the next fetch's to report.
      const ends = new Map((await bounds().catch(() => [])).map(({ partition, endOffset }) => [partition, endOffset]));
      for (const { partition, endExclusive } of ranges) {
        const end = ends.get(partition);
        if (end === undefined) continue;
        metrics.gauge('keystone_lake_lag_events', Math.max(0, end - endExclusive), { topic, partition: String(partition) });
        behind.add(partition);
      }
    },
    caughtUp: () => {
      for (const partition of behind) metrics?.gauge('keystone_lake_lag_events', 0, { topic, partition: String(partition) });
      behind.clear();
    },
    derived: ({ events, silver, quarantined, error, duplicate, superseded }, seconds) => {
      const inSilver = Object.values(silver).reduce((sum, rows) => sum + rows, 0);
      const classes = { silver: inSilver, quarantined, error, duplicate, superseded };
      logger?.info('range.derived', { topic, events, ...classes, seconds });
      for (const [name, count] of Object.entries(classes)) {
        metrics?.count('keystone_derived_events_total', count, { topic, class: name });
      }
      metrics?.observe('keystone_batch_seconds', seconds, { step: 'derive' });
    },
    lost: (step, reason) => {
      logger?.info('commit.lost', { topic, step, reason });
      metrics?.count('keystone_commits_lost_total', 1, { step });
    },
    cared: (done, seconds) => {
      logger?.info('care.done', { ...done, seconds });
      metrics?.count('keystone_care_runs_total', 1);
      metrics?.observe('keystone_care_seconds', seconds);
    },
  };
}

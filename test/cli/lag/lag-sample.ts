/** Samples of a topic for tests of what is shown. */
import type { LagSample, WatchedPartition } from '../../../src/core/lag/watch-lag.js';

export const partition = (number: number, changes: Partial<WatchedPartition> = {}): WatchedPartition => ({
  partition: number,
  startOffset: 0,
  endOffset: 1000 + number,
  committedOffset: 900,
  lakeOffset: 1000 + number,
  lagEvents: 0,
  lagSeconds: 0,
  condition: 'ok',
  inPerSecond: 0,
  outPerSecond: 0,
  drain: { kind: 'caught_up' },
  ...changes,
});

export const behind = (number: number, lagEvents: number, changes: Partial<WatchedPartition> = {}): WatchedPartition =>
  partition(number, {
    lakeOffset: 1000 + number - lagEvents,
    lagEvents,
    lagSeconds: 12.3,
    inPerSecond: 5,
    outPerSecond: 25,
    drain: { kind: 'draining', seconds: lagEvents / 20 },
    ...changes,
  });

export const lagSample = (
  sample: number,
  partitions: readonly WatchedPartition[],
  changes: Partial<LagSample> = {},
): LagSample => {
  const at = new Date(Date.UTC(2026, 0, 2, 3, 4, sample)).toISOString();
  const lagEvents = partitions.reduce((sum, { lagEvents }) => sum + lagEvents, 0);
  return {
    sample,
    at,
    measuredAt: at,
    stale: false,
    error: null,
    topic: 'orders-topic',
    group: 'writers',
    partitions,
    total: {
      endOffset: 3000,
      lakeOffset: 3000 - lagEvents,
      lagEvents,
      lagSeconds: Math.max(...partitions.map(({ lagSeconds }) => lagSeconds)),
      inPerSecond: 5,
      outPerSecond: 25,
      drain: lagEvents === 0 ? { kind: 'caught_up' } : { kind: 'draining', seconds: 30 },
    },
    incidents: [],
    ...changes,
  };
};

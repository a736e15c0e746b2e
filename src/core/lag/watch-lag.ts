/**
 * The lag again and again: each sample is what `measureLag` says, with rates and a drain estimate. A sample that fails is a sample
 * too: it carries the error beside the last numbers, and the watch goes on, since a person looks at it while things break.
 */
import { isoTime } from '../clock.js';
import { isKeystoneError, messageOf } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { estimateDrain, worstDrain, type DrainEstimate } from './drain-estimate.js';
import { incidentsOf, type LagIncident } from './lag-incidents.js';
import { lagSource } from './lag-source.js';
import { measureLag, type Lag, type PartitionLag } from './measure-lag.js';
import { ratesOf, withPoint, type OffsetPoint } from './rates.js';

/** Rates in events per second; null until there are two samples to compare. */
interface Movement {
  readonly inPerSecond: number | null;
  readonly outPerSecond: number | null;
  readonly drain: DrainEstimate;
}

export type WatchedPartition = PartitionLag & Movement;

export interface LagSample {
  /** 1 for the first. */
  readonly sample: number;
  /** When it was taken, ISO 8601. */
  readonly at: string;
  /** When its numbers were: earlier than `at` when they are stale. */
  readonly measuredAt: string;
  readonly stale: boolean;
  /** Why the numbers are stale. */
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string } | null;
  readonly topic: string;
  readonly group: string;
  readonly partitions: readonly WatchedPartition[];
  readonly total: Lag['total'] & Movement;
  readonly incidents: readonly LagIncident[];
}

export interface WatchOptions {
  readonly topic?: string | undefined;
  readonly group?: string | undefined;
  readonly intervalMs: number;
  /** What rates are measured over. */
  readonly windowMs: number;
  /** Ends after so many samples; absent: at `signal` only. */
  readonly count?: number | undefined;
  readonly signal: AbortSignal;
}

/** How long brokers may take for a sample. */
const LATE_MS = 5000;

/**
 * `open` is called for the first sample and again after each one that failed. Throws what the first sample throws (a topic that does
 * not exist, no log): a watch that never saw a number has nothing to show. Ends without a throw when `signal` is aborted.
 */
export async function* watchLag(open: () => Lakehouse, options: WatchOptions): AsyncGenerator<LagSample, void> {
  const { intervalMs, windowMs, count = Infinity, signal } = options;
  const source = lagSource(open, measureLag, { topic: options.topic, group: options.group, signal, patienceMs: LATE_MS });
  const points = new Map<number, readonly OffsetPoint[]>();
  let last: LagSample | undefined;
  try {
    const { clock } = source.effects();
    let dueMs = clock.nowMs();
    for (let sample = 1; sample <= count && !signal.aborted; sample += 1) {
      if (sample > 1) {
        // The grid is kept; samples that a slow one took the time of are left out, not made up for.
        dueMs = Math.max(dueMs + intervalMs, clock.nowMs());
        await clock.sleep(dueMs - clock.nowMs(), signal);
        if (signal.aborted) return;
      }
      try {
        const lag = await source.measure();
        last = sampleOf(lag, last?.partitions, { sample, nowMs: clock.nowMs(), points, windowMs, quietMs: source.quietMs() });
      } catch (error) {
        if (!last) throw error;
        await source.drop();
        last = { ...last, sample, at: isoTime(clock.nowMs()), stale: true, error: errorOf(error), incidents: [] };
      }
      yield last;
    }
  } finally {
    await source.drop();
  }
}

function sampleOf(
  lag: Lag,
  before: readonly PartitionLag[] | undefined,
  context: {
    readonly sample: number;
    readonly nowMs: number;
    readonly points: Map<number, readonly OffsetPoint[]>;
    readonly windowMs: number;
    readonly quietMs: number;
  },
): LagSample {
  const { sample, nowMs, points, windowMs, quietMs } = context;
  const partitions = lag.partitions.map((partition): WatchedPartition => {
    const { endOffset, lakeOffset } = partition;
    const followed = withPoint(points.get(partition.partition) ?? [], { atMs: nowMs, endOffset, lakeOffset }, windowMs);
    points.set(partition.partition, followed);
    const rates = ratesOf(followed);
    return {
      ...partition,
      lagSeconds: millis(partition.lagSeconds),
      inPerSecond: rates && millis(rates.inPerSecond),
      outPerSecond: rates && millis(rates.outPerSecond),
      drain: roundedDrain(estimateDrain(partition.lagEvents, rates, Math.min(windowMs, quietMs) / 1000)),
    };
  });
  const at = isoTime(nowMs);
  return {
    sample,
    at,
    measuredAt: at,
    stale: false,
    error: null,
    topic: lag.topic,
    group: lag.group,
    partitions,
    total: {
      ...lag.total,
      lagSeconds: millis(lag.total.lagSeconds),
      inPerSecond: sumOf(partitions.map((partition) => partition.inPerSecond)),
      outPerSecond: sumOf(partitions.map((partition) => partition.outPerSecond)),
      drain: worstDrain(partitions.map(({ drain }) => drain)),
    },
    incidents: incidentsOf(lag.partitions, before),
  };
}

/** Null when no partition has a number yet. */
function sumOf(rates: readonly (number | null)[]): number | null {
  const known = rates.filter((rate) => rate !== null);
  return known.length === 0 ? null : millis(known.reduce((sum, rate) => sum + rate, 0));
}

/** Three decimals: what lies behind them is noise of the clock. */
const millis = (value: number): number => Math.round(value * 1000) / 1000;
const roundedDrain = (drain: DrainEstimate): DrainEstimate =>
  drain.kind === 'draining' ? { kind: 'draining', seconds: millis(drain.seconds) } : drain;

const errorOf = (error: unknown): NonNullable<LagSample['error']> => ({
  code: isKeystoneError(error) ? error.code : 'KS_INTERNAL',
  message: messageOf(error),
  ...(isKeystoneError(error) && error.hint !== undefined ? { hint: error.hint } : {}),
});

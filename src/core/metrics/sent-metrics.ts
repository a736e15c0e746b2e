/**
 * Numbers sent as points every minute on the minute. Counting never waits for the sending: while the service is away points wait in a
 * bounded buffer with the times they are of, and the oldest are given up first.
 */
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Logger } from '../logging/logger.js';
import type { MetricPoint, MetricPoints } from './metric-points.js';
import type { Metrics } from './metrics.js';
import { createSeriesWindow } from './series-window.js';

export interface SentMetricsOptions {
  readonly points: Pick<MetricPoints, 'put' | 'place' | 'close'>;
  readonly clock: Clock;
  readonly logger?: Logger | undefined;
  readonly everyMs?: number;
  /** Points that wait at most; some hours of a process with a hundred series. */
  readonly mostWaiting?: number;
}

const EVERY_MS = 60_000;
const MOST_WAITING = 20_000;
/** Points of one put: what has been taken is not sent again when the rest fails. */
const AT_ONCE = 500;
/** A command that ends sends its last minute, but not for long. */
const CLOSE_MS = 3000;

export function sentMetrics(options: SentMetricsOptions): Metrics {
  const { points, clock, logger, everyMs = EVERY_MS, mostWaiting = MOST_WAITING } = options;
  const window = createSeriesWindow();
  const over = new AbortController();
  let waiting: MetricPoint[] = [];
  let isAway = false;

  const send = async (signal?: AbortSignal): Promise<void> => {
    waiting.push(...window.take(clock.nowMs()));
    const dropped = waiting.length - mostWaiting;
    if (dropped > 0) {
      waiting = waiting.slice(dropped);
      window.count('keystone_metric_points_dropped_total', dropped);
    }
    try {
      while (waiting.length > 0) {
        const some = waiting.slice(0, AT_ONCE);
        await points.put(some, signal);
        waiting = waiting.slice(some.length);
      }
      if (isAway) logger?.info('metrics.back', { place: points.place });
      isAway = false;
    } catch (error) {
      if (!isAway) logger?.warn('metrics.away', { place: points.place, error: messageOf(error), waiting: waiting.length });
      isAway = true;
    }
  };

  const sending = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      // Read anew each time: the marks of the clock, without drift.
      await clock.sleep(everyMs - (clock.nowMs() % everyMs), over.signal);
      if (!over.signal.aborted) await send(over.signal);
    }
  })();

  return {
    count: (name, amount, labels) => window.count(name, amount, labels),
    gauge: (name, value, labels) => window.gauge(name, value, labels),
    observe: (name, value, labels) => window.observe(name, value, labels),
    close: async () => {
      over.abort();
      await sending;
      const patience = new AbortController();
      const done = new AbortController();
      const late = clock.sleep(CLOSE_MS, done.signal).then(() => patience.abort());
      await send(patience.signal);
      done.abort();
      await late;
      points.close();
    },
  };
}

/**
 * Numbers of worker processes, told to the process that started them: it has the page and the connections, and what a worker counted
 * stays counted when the worker is gone.
 */
import type { Clock } from '../clock.js';
import { type InstrumentName, instrumentOf } from './instruments.js';
import type { MetricLabels, Metrics } from './metrics.js';

/** What a worker tells at once. */
export interface WorkerNumbers {
  readonly counts: readonly WorkerNumber[];
  readonly gauges: readonly WorkerNumber[];
  readonly observations: readonly WorkerNumber[];
}
type WorkerNumber = readonly [name: InstrumentName, value: number, labels: MetricLabels];

const TOLD_EVERY_MS = 500;
/** Beyond it measurements are told at once. */
const MOST_OBSERVATIONS = 1000;

const keyOf = (name: string, labels: MetricLabels): string => JSON.stringify([name, labels]);

/** In the worker: gathers for a moment, then sends. */
export function forwardedMetrics(send: (numbers: WorkerNumbers) => void, clock: Clock): Metrics {
  const counts = new Map<string, WorkerNumber>();
  const gauges = new Map<string, WorkerNumber>();
  let observations: WorkerNumber[] = [];
  const over = new AbortController();
  const flush = (): void => {
    if (counts.size + gauges.size + observations.length === 0) return;
    send({ counts: [...counts.values()], gauges: [...gauges.values()], observations });
    counts.clear();
    gauges.clear();
    observations = [];
  };
  const sending = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(TOLD_EVERY_MS, over.signal);
      flush();
    }
  })();
  return {
    count: (name, amount, labels = {}) => {
      const key = keyOf(name, labels);
      if (amount > 0) counts.set(key, [name, (counts.get(key)?.[1] ?? 0) + amount, labels]);
    },
    gauge: (name, value, labels = {}) => void gauges.set(keyOf(name, labels), [name, value, labels]),
    observe: (name, value, labels = {}) => {
      observations.push([name, value, labels]);
      if (observations.length >= MOST_OBSERVATIONS) flush();
    },
    close: async () => {
      over.abort();
      await sending;
    },
  };
}

export interface WorkerCollector {
  take(worker: number, numbers: WorkerNumbers): void;
  /** What it counted stays; what it had in its hands is gone. */
  gone(worker: number): void;
}

/** In the process that started them. Gauges of the living are added up; of states and ratios the worst is told. */
export function workerCollector(metrics: Metrics): WorkerCollector {
  const gauges = new Map<
    string,
    { readonly name: InstrumentName; readonly labels: MetricLabels; readonly by: Map<number, number> }
  >();
  const tell = ({ name, labels, by }: { name: InstrumentName; labels: MetricLabels; by: ReadonlyMap<number, number> }): void => {
    const values = [...by.values()];
    const unit = instrumentOf(name)?.unit;
    const isWorst = unit === 'state' || unit === 'ratio';
    metrics.gauge(name, isWorst ? Math.max(0, ...values) : values.reduce((sum, value) => sum + value, 0), labels);
  };
  return {
    take: (worker, numbers) => {
      for (const [name, amount, labels] of numbers.counts) metrics.count(name, amount, labels);
      for (const [name, value, labels] of numbers.observations) metrics.observe(name, value, labels);
      for (const [name, value, labels] of numbers.gauges) {
        const key = keyOf(name, labels);
        const gauge = gauges.get(key) ?? { name, labels, by: new Map<number, number>() };
        gauges.set(key, gauge);
        gauge.by.set(worker, value);
        tell(gauge);
      }
    },
    gone: (worker) => {
      for (const gauge of gauges.values()) if (gauge.by.delete(worker)) tell(gauge);
    },
  };
}

/**
 * Numbers as lines of the CloudWatch Embedded Metric Format: CloudWatch Logs makes metrics of them without a call of its API.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import type { Clock } from '../clock.js';
import { cloudwatchUnit } from './instruments.js';
import type { Metrics } from './metrics.js';
import { createSeriesTable, type Series } from './series-table.js';

export interface EmfOptions {
  readonly namespace: string;
  readonly clock: Clock;
  /** Writes one line; the object is its JSON. */
  readonly write: (line: Readonly<Record<string, unknown>>) => void;
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;
/** The specification's bounds on the values of one metric, and on the metrics of one directive. */
const MOST_VALUES = 100;
const MOST_METRICS = 100;

/** Each minute on the minute: one line for all series with the same dimensions. A distribution of a hundred values is told at once. */
export function emfMetrics(options: EmfOptions): Metrics {
  const { namespace, clock, write, everyMs = EVERY_MS } = options;
  const { find, all } = createSeriesTable<number[]>(() => []);
  const over = new AbortController();

  const tell = (some: readonly Series<number[]>[]): void => {
    const groups = new Map<string, Series<number[]>[]>();
    for (const series of some) {
      const key = JSON.stringify(series.dimensions);
      const group = groups.get(key) ?? [];
      groups.set(key, group);
      group.push(series);
    }
    for (const group of groups.values()) {
      for (let from = 0; from < group.length; from += MOST_METRICS) {
        write(emfLine(namespace, clock.nowMs(), group.slice(from, from + MOST_METRICS)));
      }
    }
  };
  const flush = (): void => {
    const some = all().filter(({ value }) => value.length > 0);
    tell(some);
    for (const series of some) if (series.instrument.kind !== 'gauge') series.value = [];
  };
  const telling = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(everyMs - (clock.nowMs() % everyMs), over.signal);
      if (!over.signal.aborted) flush();
    }
  })();

  return {
    count: (name, amount, labels) => {
      const series = find(name, 'counter', labels);
      if (series && amount > 0 && Number.isFinite(amount)) series.value = [(series.value[0] ?? 0) + amount];
    },
    gauge: (name, value, labels) => {
      const series = find(name, 'gauge', labels);
      if (series) series.value = Number.isFinite(value) ? [value] : [];
    },
    observe: (name, value, labels) => {
      const series = find(name, 'histogram', labels);
      if (!series || !Number.isFinite(value)) return;
      series.value.push(value);
      if (series.value.length < MOST_VALUES) return;
      tell([series]);
      series.value = [];
    },
    close: async () => {
      over.abort();
      await telling;
      flush();
    },
  };
}

/** All of `some` have the same dimensions. */
function emfLine(namespace: string, atMs: number, some: readonly Series<number[]>[]): Readonly<Record<string, unknown>> {
  const dimensions = some[0]?.dimensions ?? {};
  return {
    _aws: {
      Timestamp: atMs,
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: [Object.keys(dimensions)],
          Metrics: some.map(({ instrument }) => ({ Name: instrument.cloudwatch, Unit: cloudwatchUnit(instrument.unit) })),
        },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(some.map(({ instrument, value }) => [instrument.cloudwatch, value.length === 1 ? value[0] : value])),
  };
}

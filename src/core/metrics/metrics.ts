/**
 * Port: numbers about a running process (Prometheus endpoint; CloudWatch). Calls return at once and never throw: a metrics service
 * that is away must not fail the pipeline.
 */
import type { InstrumentName } from './instruments.js';

/** Few, with few values each: topic, partition, dataset, breaker; never an event's id. */
export type MetricLabels = Readonly<Record<string, string>>;

/** Names are those of the table of instruments, each for the method of its kind; one that is told under another kind is left out. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: InstrumentName, amount: number, labels?: MetricLabels): void;
  /** Sets a gauge. */
  gauge(name: InstrumentName, value: number, labels?: MetricLabels): void;
  /** Takes one measurement into a distribution. */
  observe(name: InstrumentName, value: number, labels?: MetricLabels): void;
  /** Sends what is gathered; resolves also when that failed. */
  close(): Promise<void>;
}

export const NO_METRICS: Metrics = {
  count: () => undefined,
  gauge: () => undefined,
  observe: () => undefined,
  close: async () => undefined,
};

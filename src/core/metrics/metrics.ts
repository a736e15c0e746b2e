/**
 * Port: numbers about a running process (Prometheus endpoint; CloudWatch). Calls return at once and never throw: a metrics service
 * that is away must not fail the pipeline.
 */

/** Few, with few values each: topic, partition, dataset, breaker; never an event's id. */
export type MetricLabels = Readonly<Record<string, string>>;

/** Names are snake_case with their unit, e.g. `keystone_consumer_lag_events`, `keystone_append_seconds`. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: string, amount: number, labels?: MetricLabels): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: MetricLabels): void;
  /** Takes one measurement into a distribution. */
  observe(name: string, value: number, labels?: MetricLabels): void;
  /** Sends what is gathered; resolves also when that failed. */
  close(): Promise<void>;
}

export const NO_METRICS: Metrics = {
  count: () => undefined,
  gauge: () => undefined,
  observe: () => undefined,
  close: async () => undefined,
};

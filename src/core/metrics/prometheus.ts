/** Numbers for Prometheus to fetch: https://prometheus.io/docs/instrumenting/exposition_formats/ */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { instrumentOf, INSTRUMENTS, type Instrument } from './instruments.js';
import type { MetricLabels, Metrics } from './metrics.js';

export interface PrometheusMetrics extends Metrics {
  /** The page, and the type to say with it. */
  page(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** Seconds: from an append on a fast disk to the care of a large table. */
const SECONDS_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Every instrument stands on the page from the start, those without labels at 0: an absent series cannot be alarmed on. */
export function prometheusMetrics(): PrometheusMetrics {
  const registry = new Registry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, { kind, help, labels }] of Object.entries<Instrument>(INSTRUMENTS)) {
    const as = { name, help, labelNames: [...labels], registers: [registry] };
    if (kind === 'counter') counters.set(name, new Counter(as));
    if (kind === 'gauge') gauges.set(name, new Gauge(as));
    if (kind === 'histogram') histograms.set(name, new Histogram({ ...as, buckets: SECONDS_BUCKETS }));
  }
  /** Labels that the instrument has; one it has not would throw, and what counts must never throw. */
  const known = (name: string, labels: MetricLabels | undefined): MetricLabels => {
    const own = instrumentOf(name)?.labels ?? [];
    return Object.fromEntries(own.flatMap((label) => (labels?.[label] === undefined ? [] : [[label, labels[label]]])));
  };
  return {
    count: (name, amount, labels) => {
      if (amount > 0 && Number.isFinite(amount)) counters.get(name)?.inc(known(name, labels), amount);
    },
    gauge: (name, value, labels) => gauges.get(name)?.set(known(name, labels), value),
    observe: (name, value, labels) => {
      if (Number.isFinite(value)) histograms.get(name)?.observe(known(name, labels), value);
    },
    close: async () => registry.clear(),
    page: async () => ({ text: await registry.metrics(), contentType: registry.contentType }),
  };
}

/** One place to count for several that are told. */
import type { Metrics } from './metrics.js';

export const severalMetrics = (all: readonly Metrics[]): Metrics => ({
  count: (name, amount, labels) => {
    for (const one of all) one.count(name, amount, labels);
  },
  gauge: (name, value, labels) => {
    for (const one of all) one.gauge(name, value, labels);
  },
  observe: (name, value, labels) => {
    for (const one of all) one.observe(name, value, labels);
  },
  close: async () => {
    await Promise.all(all.map((one) => one.close().catch(() => undefined)));
  },
});

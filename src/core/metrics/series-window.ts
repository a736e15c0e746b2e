/**
 * What was counted since it was last asked, as points: counters by their sum, gauges by their last value, distributions by their
 * statistics. A gauge stands until it is set anew; the others begin at nothing.
 */
import { cloudwatchUnit } from './instruments.js';
import type { MetricPoint, PointStatistics } from './metric-points.js';
import type { MetricLabels } from './metrics.js';
import { createSeriesTable } from './series-table.js';

type Value = number | PointStatistics | null;

export interface SeriesWindow {
  count(name: string, amount: number, labels?: MetricLabels): void;
  gauge(name: string, value: number, labels?: MetricLabels): void;
  observe(name: string, value: number, labels?: MetricLabels): void;
  /** All that has a value, as points of `atMs` (milliseconds since the epoch). */
  take(atMs: number): readonly MetricPoint[];
}

export function createSeriesWindow(): SeriesWindow {
  const { find, all } = createSeriesTable<Value>(() => null);
  return {
    count: (name, amount, labels) => {
      const series = find(name, 'counter', labels);
      if (series && amount > 0 && Number.isFinite(amount)) series.value = (Number(series.value) || 0) + amount;
    },
    gauge: (name, value, labels) => {
      const series = find(name, 'gauge', labels);
      if (series) series.value = Number.isFinite(value) ? value : null;
    },
    observe: (name, value, labels) => {
      const series = find(name, 'histogram', labels);
      if (series && Number.isFinite(value)) series.value = withValue(series.value, value);
    },
    take: (atMs) => {
      const points: MetricPoint[] = [];
      for (const series of all()) {
        const { instrument, dimensions, value } = series;
        if (value === null) continue;
        points.push({ name: instrument.cloudwatch, dimensions, atMs, unit: cloudwatchUnit(instrument.unit), value });
        if (instrument.kind !== 'gauge') series.value = null;
      }
      return points;
    },
  };
}

function withValue(before: Value, value: number): PointStatistics {
  if (before === null || typeof before === 'number') return { count: 1, sum: value, least: value, most: value };
  const { count, sum, least, most } = before;
  return { count: count + 1, sum: sum + value, least: Math.min(least, value), most: Math.max(most, value) };
}

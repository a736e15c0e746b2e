/** The series that a process has counted so far: an instrument with values for its labels. */
import { dimensionName, instrumentOf, type Instrument } from './instruments.js';
import type { MetricLabels } from './metrics.js';

export interface Series<V> {
  readonly instrument: Instrument;
  /** The labels as CloudWatch calls them. */
  readonly dimensions: Readonly<Record<string, string>>;
  value: V;
}

export interface SeriesTable<V> {
  /** Undefined for what the table of instruments does not hold as this kind. Labels without a value are left out. */
  find(name: string, kind: Instrument['kind'], labels: MetricLabels | undefined): Series<V> | undefined;
  all(): readonly Series<V>[];
}

/** Labels are few by agreement; a series too many is left out rather than kept for ever. */
const MOST_SERIES = 5000;

export function createSeriesTable<V>(first: () => V): SeriesTable<V> {
  const series = new Map<string, Series<V>>();
  return {
    find: (name, kind, labels) => {
      const instrument = instrumentOf(name);
      if (instrument?.kind !== kind) return undefined;
      const own = instrument.labels.flatMap((label): [string, string][] => {
        const value = labels?.[label];
        return value ? [[dimensionName(label), value]] : [];
      });
      const key = JSON.stringify([name, own]);
      const known = series.get(key);
      if (known || series.size >= MOST_SERIES) return known;
      const made: Series<V> = { instrument, dimensions: Object.fromEntries(own), value: first() };
      series.set(key, made);
      return made;
    },
    all: () => [...series.values()],
  };
}

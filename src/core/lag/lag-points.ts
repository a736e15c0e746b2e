/** The lag as points of CloudWatch and as gauges: names and units come from the table of instruments. */
import { cloudwatchUnit, dimensionName, INSTRUMENTS, type InstrumentName } from '../metrics/instruments.js';
import type { MetricPoint } from '../metrics/metric-points.js';
import type { MetricLabels, Metrics } from '../metrics/metrics.js';
import type { GroupLag, GroupPartitionLag } from './measure-group-lag.js';

type LagInstrument = Extract<
  InstrumentName,
  'keystone_consumer_lag_events' | 'keystone_time_lag_seconds' | 'keystone_lake_lag_events'
>;

const VALUES: readonly (readonly [LagInstrument, (lag: Omit<GroupPartitionLag, 'partition'>) => number])[] = [
  ['keystone_consumer_lag_events', ({ consumerLag }) => consumerLag],
  ['keystone_time_lag_seconds', ({ timeLagSeconds }) => timeLagSeconds],
  ['keystone_lake_lag_events', ({ lakeLag }) => lakeLag],
];

/** Only those of the instrument, in its order. */
const labelsFor = (name: LagInstrument, all: MetricLabels): MetricLabels =>
  Object.fromEntries(INSTRUMENTS[name].labels.flatMap((label) => (all[label] === undefined ? [] : [[label, all[label]]])));

/**
 * Of each partition, and of the whole without the dimension `Partition`: an alarm names exactly the dimensions of a series, and sums
 * none of its own.
 */
export function lagPoints({ group, topic, atMs, partitions, total }: GroupLag): readonly MetricPoint[] {
  const point = (name: LagInstrument, value: number, labels: MetricLabels): MetricPoint => ({
    name: INSTRUMENTS[name].cloudwatch,
    dimensions: Object.fromEntries(Object.entries(labels).map(([label, text]) => [dimensionName(label), text])),
    atMs,
    unit: cloudwatchUnit(INSTRUMENTS[name].unit),
    value,
  });
  return VALUES.flatMap(([name, valueOf]) => [
    point(name, valueOf(total), labelsFor(name, { group, topic })),
    ...partitions.map((lag) => point(name, valueOf(lag), labelsFor(name, { group, topic, partition: String(lag.partition) }))),
  ]);
}

/** Of each partition; who asks Prometheus sums by itself. */
export function gaugeLag(metrics: Metrics, { group, topic, partitions }: Omit<GroupLag, 'atMs' | 'total' | 'incidents'>): void {
  for (const [name, valueOf] of VALUES) {
    for (const lag of partitions) {
      metrics.gauge(name, valueOf(lag), labelsFor(name, { group, topic, partition: String(lag.partition) }));
    }
  }
}

/** What was told is not known any more: NaN, which no alarm takes for a lag of 0 or for yesterday's. */
export function forgetLag(metrics: Metrics, lag: GroupLag): void {
  const partitions = lag.partitions.map(({ partition }) => ({
    partition,
    consumerLag: Number.NaN,
    timeLagSeconds: Number.NaN,
    lakeLag: Number.NaN,
  }));
  gaugeLag(metrics, { ...lag, partitions });
}

/**
 * Everything that is counted, in one table: `docs/metrics.md` is made from it, and each adapter takes from it how a number is told.
 * Labels are few, with few values each; a name that is not here is refused by the compiler, not by a running pipeline.
 */

export interface Instrument {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** `ratio` lies in 0…1; of a `state` the help says what its numbers mean, and greater is worse. */
  readonly unit: 'count' | 'bytes' | 'seconds' | 'ratio' | 'state';
  readonly labels: readonly string[];
  readonly help: string;
  /** Its name in CloudWatch. */
  readonly cloudwatch: string;
}

const of = (
  kind: Instrument['kind'],
  unit: Instrument['unit'],
  cloudwatch: string,
  labels: readonly string[],
  help: string,
): Instrument => ({ kind, unit, labels, help, cloudwatch });

export const INSTRUMENTS = {
  keystone_ingest_events_total: of(
    'counter',
    'count',
    'IngestEvents',
    ['outcome'],
    'Events that clients sent; outcome: accepted, refused',
  ),
  keystone_ingest_bytes_total: of(
    'counter',
    'bytes',
    'IngestBytes',
    ['outcome'],
    'Bytes of those events, keys and headers included',
  ),
  keystone_append_seconds: of('histogram', 'seconds', 'AppendTime', [], 'From an append to the log until it is durable'),
  keystone_append_failures_total: of('counter', 'count', 'AppendFailures', [], 'Appends that the log did not take'),
  keystone_in_flight_bytes: of('gauge', 'bytes', 'InFlightBytes', [], 'Bytes taken from clients and not yet durable'),
  keystone_ingest_mode: of(
    'gauge',
    'state',
    'IngestMode',
    ['topic'],
    'Where accepted events go: 0 to the log, 1 the spool drains, 2 to the spool, 3 the spool is full',
  ),
  keystone_ingest_spool_events: of('gauge', 'count', 'SpoolEvents', ['topic'], 'Events that wait in the local spool'),
  keystone_ingest_spool_bytes: of('gauge', 'bytes', 'SpoolBytes', ['topic'], 'Bytes that wait in the local spool'),
  keystone_landed_events_total: of('counter', 'count', 'LandedEvents', ['topic'], 'Events committed to bronze'),
  keystone_landed_bytes_total: of('counter', 'bytes', 'LandedBytes', ['topic'], 'Memory of those events'),
  keystone_derived_events_total: of(
    'counter',
    'count',
    'DerivedEvents',
    ['topic', 'class'],
    'Events derived from bronze; class: silver, quarantined, error, duplicate, superseded',
  ),
  keystone_batch_seconds: of('histogram', 'seconds', 'BatchTime', ['step'], 'A step of the consumer; step: land, derive'),
  keystone_commits_lost_total: of('counter', 'count', 'CommitsLost', ['step'], 'Batches that another builder was quicker with'),
  keystone_care_runs_total: of('counter', 'count', 'CareRuns', [], 'Times that all tables were looked after'),
  keystone_care_seconds: of('histogram', 'seconds', 'CareTime', [], 'One care of all tables'),
  keystone_consumer_lag_events: of(
    'gauge',
    'count',
    'ConsumerLag',
    ['group', 'topic', 'partition'],
    'Events between what the group has consumed and the end of the log',
  ),
  keystone_time_lag_seconds: of(
    'gauge',
    'seconds',
    'TimeLagSeconds',
    ['group', 'topic', 'partition'],
    'Age of the oldest event that the group has not consumed',
  ),
  keystone_lake_lag_events: of('gauge', 'count', 'LakeLag', ['topic', 'partition'], 'Events of the log that are not in bronze'),
  keystone_breaker_state: of(
    'gauge',
    'state',
    'BreakerState',
    ['service'],
    'Breaker of a service: 0 closed, 1 half open, 2 open',
  ),
  keystone_breaker_failure_ratio: of('gauge', 'ratio', 'BreakerFailureRatio', ['service'], 'Share of calls that failed of late'),
  keystone_degradation_level: of(
    'gauge',
    'state',
    'DegradationLevel',
    [],
    'How much of the work is put off: 0 full, 1 reduced, 2 minimal, 3 buffer-only',
  ),
  keystone_retries_total: of(
    'counter',
    'count',
    'Retries',
    ['operation'],
    'Tries after a failed one; operation: log, store, catalog, engine, state',
  ),
  keystone_scanned_bytes_total: of(
    'counter',
    'bytes',
    'ScannedBytes',
    ['engine'],
    'Bytes that Athena or Trino say they have read; engine: athena, trino',
  ),
  keystone_metric_points_dropped_total: of(
    'counter',
    'count',
    'MetricPointsDropped',
    [],
    'Points that were not kept while the metrics service was away',
  ),
} as const satisfies Record<string, Instrument>;

export type InstrumentName = keyof typeof INSTRUMENTS;

/** Undefined for a name that the table has not. */
export const instrumentOf = (name: string): Instrument | undefined =>
  Object.hasOwn(INSTRUMENTS, name) ? INSTRUMENTS[name as InstrumentName] : undefined;

const DIMENSIONS: Readonly<Record<string, string>> = { group: 'ConsumerGroup' };

/** A label's name in CloudWatch: `group` → `ConsumerGroup`, `topic` → `Topic`. */
export const dimensionName = (label: string): string => DIMENSIONS[label] ?? label.charAt(0).toUpperCase() + label.slice(1);

/** CloudWatch's word for a unit: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html */
export const cloudwatchUnit = (unit: Instrument['unit']): 'Count' | 'Bytes' | 'Seconds' | 'None' =>
  ({ count: 'Count', bytes: 'Bytes', seconds: 'Seconds', ratio: 'None', state: 'None' })[unit] as
    | 'Count'
    | 'Bytes'
    | 'Seconds'
    | 'None';

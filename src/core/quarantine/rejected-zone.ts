/** The two zones that keep rejected events, and the columns that both answer questions with. */
import type { JsonValue } from '../engine/sql-engine.js';
import type { TableName } from '../table/table-api.js';

/** `quarantine`: readable, and breaks its contract. `error`: bytes that are no JSON or CSV. */
export type Zone = 'quarantine' | 'error';

export const ZONES: readonly Zone[] = ['quarantine', 'error'];

export const zoneTable = (zone: Zone): TableName => (zone === 'quarantine' ? 'quarantine.events' : 'error.events');

/** SELECT list that gives both zones the same columns (DuckDB). */
export const zoneColumns = (zone: Zone): string =>
  [
    `${zone === 'quarantine' ? "'quarantine'" : "'error'"} AS zone`,
    'topic',
    'kafka_partition',
    'kafka_offset',
    'event_id',
    'dataset',
    'source',
    zone === 'quarantine' ? 'reasons' : '[class] AS reasons',
    zone === 'quarantine' ? 'CAST(NULL AS VARCHAR) AS detail' : 'detail',
    zone === 'quarantine' ? 'CAST(NULL AS BIGINT) AS csv_line' : 'csv_line',
    zone === 'quarantine' ? 'partition_hint' : 'CAST(NULL AS VARCHAR) AS partition_hint',
    zone === 'quarantine' ? 'contract_version' : 'CAST(NULL AS VARCHAR) AS contract_version',
    'log_time',
    'processed_at',
  ].join(', ');

export interface RejectedEvent {
  readonly zone: Zone;
  /** `topic/partition/offset`. */
  readonly origin: string;
  readonly eventId: string;
  readonly dataset: string;
  readonly source: string;
  /** In the error zone its one class. */
  readonly reasons: readonly string[];
  /** What the parser said; error zone only. */
  readonly detail: string | null;
  readonly csvLine: number | null;
  /** The silver partition that it would have had. */
  readonly partition: string | null;
  readonly contractVersion: string | null;
  /** When the log took it, UTC. */
  readonly logTime: string;
  /** When it was rejected, UTC. */
  readonly processedAt: string;
}

export const rejectedEvent = (row: Readonly<Record<string, JsonValue>>): RejectedEvent => ({
  zone: row['zone'] === 'error' ? 'error' : 'quarantine',
  origin: `${text(row['topic'])}/${text(row['kafka_partition'])}/${text(row['kafka_offset'])}`,
  eventId: text(row['event_id']),
  dataset: text(row['dataset']),
  source: text(row['source']),
  reasons: Array.isArray(row['reasons']) ? row['reasons'].map(text) : [],
  detail: textOrNull(row['detail']),
  csvLine: row['csv_line'] == null ? null : Number(row['csv_line']),
  partition: textOrNull(row['partition_hint']),
  contractVersion: textOrNull(row['contract_version']),
  logTime: text(row['log_time']),
  processedAt: text(row['processed_at']),
});

const textOrNull = (value: JsonValue | undefined): string | null => (value == null ? null : text(value));
const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));

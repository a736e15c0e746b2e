/** Rows of bronze's columns (bronze itself, its data files, recorded traces) as events. */
import type { PlainRow, PlainValue } from '../engine/duckdb/stream-rows.js';
import { quoteIdentifier } from '../engine/sql-text.js';
import type { LogHeader } from '../log/event-log.js';
import type { EventOrigin, ReplayEvent } from './replay-event.js';

const COLUMNS = [
  'topic',
  'kafka_partition',
  'kafka_offset',
  'log_time',
  'event_id',
  'dataset',
  'source',
  'key',
  'headers',
  'payload',
] as const;

/** The columns that `recordedEvent` takes, in its order. */
export const RECORDED_COLUMNS: readonly string[] = COLUMNS;

/** Select list of those columns; the types are bronze's whoever wrote the file. */
export const recordedColumnsSql: string = COLUMNS.map((name) => {
  const column = quoteIdentifier(name);
  if (name === 'kafka_offset') return `CAST(${column} AS BIGINT) AS ${column}`;
  if (name === 'log_time') return `CAST(${column} AS TIMESTAMP) AS ${column}`;
  return column;
}).join(', ');

const headerOf = (value: PlainValue): LogHeader => value as { readonly key: string; readonly value: Uint8Array };

/** `row` holds `recordedColumnsSql`; `placed` says where the event stands in its source. */
export function recordedEvent(
  row: PlainRow,
  placed: (origin: EventOrigin) => { readonly stream: string; readonly position: number },
): ReplayEvent {
  const [topic, partition, offset, logTime, eventId, dataset, source, key, headers, payload] = row;
  const origin = {
    topic: String(topic),
    partition: Number(partition),
    offset: Number(offset),
    timestampUs: Number(logTime),
  };
  return {
    ...placed(origin),
    origin,
    eventId: Buffer.from(String(eventId), 'utf8'),
    dataset: String(dataset),
    source: source === null ? null : String(source),
    key: key as Uint8Array | null,
    headers: ((headers ?? []) as readonly PlainValue[]).map(headerOf),
    payload: payload as Uint8Array | null,
  };
}

/** A log record seen as a bronze row: what its headers promote to columns, and what stays a header. */
import { HEADER_DATASET, HEADER_EVENT_ID, HEADER_SOURCE } from '../event/envelope.js';
import type { LogHeader, LogRecord } from '../log/event-log.js';

export interface BronzeRecord {
  readonly record: LogRecord;
  readonly eventId: string;
  readonly dataset: string;
  readonly source: string | null;
  /** The headers that did not become columns, in their order. */
  readonly headers: readonly LogHeader[];
}

const text = new TextDecoder();

/**
 * A record without `ks-event-id` (written by a foreign producer) is its own event: `<topic>/<partition>/<offset>`.
 * One without `ks-dataset` belongs to the topic's dataset. Neither is ever guessed from the content.
 */
export function toBronzeRecord(record: LogRecord, topicDataset: string): BronzeRecord {
  let eventId: string | null = null;
  let dataset: string | null = null;
  let source: string | null = null;
  const headers: LogHeader[] = [];
  for (const header of record.headers) {
    // A repeated header of ours stays where it is, so that nothing that arrived is dropped.
    if (header.key === HEADER_EVENT_ID && eventId === null) eventId = text.decode(header.value);
    else if (header.key === HEADER_DATASET && dataset === null) dataset = text.decode(header.value);
    else if (header.key === HEADER_SOURCE && source === null) source = text.decode(header.value);
    else headers.push(header);
  }
  return {
    record,
    eventId: eventId || `${record.topic}/${record.partition}/${record.offset}`,
    dataset: dataset || topicDataset,
    source,
    headers,
  };
}

/**
 * The event as it travels: the payload's bytes are the record's value, everything else is its key and headers
 * (docs/formats.md, "Event envelope in the log").
 */

export const HEADER_EVENT_ID = 'ks-event-id';
export const HEADER_DATASET = 'ks-dataset';
export const HEADER_SOURCE = 'ks-source';
/** The source that a client claimed beside the one it proved; absent where they are the same. */
export const HEADER_CLAIMED_SOURCE = 'ks-claimed-source';
/** Microseconds since the epoch, decimal text. */
export const HEADER_RECEIVED_AT = 'ks-received-at';
/** Line number (1-based) of a CSV row that could not be read; its value is the row's raw bytes. */
export const HEADER_CSV_LINE = 'ks-csv-line';
/** Why that row could not be read. Its presence routes the event to the error zone. */
export const HEADER_CSV_ERROR = 'ks-csv-error';
/** The id under which an event that was replayed under a new id had come before. */
export const HEADER_REPLAY_OF = 'ks-replay-of';
/** The milliseconds, decimal text, that a Kafka producer gave as a record's time and that are none which a table can hold exactly. */
export const HEADER_LOG_TIME_MS = 'ks-log-time-ms';

export interface EventHeader {
  readonly key: string;
  readonly value: Uint8Array;
}

/** An event that has been accepted at the edge and is not yet in the log. */
export interface Envelope {
  /** The bytes exactly as they came; null is a tombstone. */
  readonly payload: Uint8Array | null;
  readonly dataset: string;
  readonly eventId: string;
  readonly source: string;
  /** Business key bytes, or null for round-robin partitioning. */
  readonly key: Uint8Array | null;
  /** The client's own headers, as they came. */
  readonly headers: readonly EventHeader[];
  readonly receivedAtUs: number;
}

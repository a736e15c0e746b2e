/** An event that is to come again, whichever source it comes from. */
import type { LogHeader } from '../log/event-log.js';
import type { EventRow } from '../engine/duckdb/event-rows-table.js';

/** Where an event lay in the log that it was recorded from. */
export interface EventOrigin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** When that log took it, in microseconds since the epoch. */
  readonly timestampUs: number;
}

export interface ReplayEvent {
  /** The ordered part of the source that it belongs to: a topic's partition (`topic/0`), or a file by its place among those given. */
  readonly stream: string;
  /** Its place in the stream, rising: the offset in a log, the number of the event in a file. */
  readonly position: number;
  /** Null for an event of a file that is no recording. */
  readonly origin: EventOrigin | null;
  /** UTF-8. */
  readonly eventId: Uint8Array;
  readonly dataset: string;
  readonly source: string | null;
  readonly key: Uint8Array | null;
  /** Without those that became event id, dataset and source. */
  readonly headers: readonly LogHeader[];
  /** Null is a tombstone. */
  readonly payload: Uint8Array | null;
}

/** Batches in the order in which the events are to come. */
export type ReplayEvents = AsyncIterable<readonly ReplayEvent[]>;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
export const idText = (event: ReplayEvent): string => decoder.decode(event.eventId);

/** The event as a row that SQL can look at. */
export const eventRow = (event: ReplayEvent): EventRow => ({
  topic: event.origin?.topic ?? null,
  partition: event.origin?.partition ?? null,
  offset: event.origin?.offset ?? null,
  logTimeUs: event.origin?.timestampUs ?? null,
  eventId: idText(event),
  dataset: event.dataset,
  source: event.source,
  key: event.key,
  headers: event.headers,
  payload: event.payload,
});

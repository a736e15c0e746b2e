/** Where events from files go: straight into the log (`log-sink.ts`) or to an ingest server (`server-sink.ts`). */
import type { FileEvent } from './files/file-event.js';
import type { EventResult } from './grpc/ingestion-v1-codec.js';

/**
 * Events are appended in the order they are given, unless a batch had to be sent again.
 * `send` resolves when there is room for more, not when the events are durable: `flush` says that.
 */
export interface EventSink {
  send(events: readonly FileEvent[]): Promise<void>;
  /** Resolves once everything given is durable or refused. */
  flush(): Promise<void>;
  /** Lets go of connections; waits for nothing. */
  close(): void;
}

/** Told of each batch when its outcome is known, in the order in which outcomes come. */
export type OnResults = (results: readonly EventResult[]) => void;

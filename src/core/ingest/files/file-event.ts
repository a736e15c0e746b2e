/** An event as a file source yields it, before a sink has given it a key and a place. */
import type { EventHeader } from '../../event/envelope.js';

export interface FileEvent {
  readonly payload: Uint8Array;
  readonly dataset: string;
  readonly eventId: string;
  /** The file's name. */
  readonly source: string;
  /** 1-based line of the file where it starts; absent for a whole file. */
  readonly line?: number;
  /** `ks-csv-line` and `ks-csv-error` on a CSV row that could not be read. */
  readonly headers: readonly EventHeader[];
  /** The payload's value of a column, undefined where there is none. */
  readonly valueOf: (column: string) => unknown;
}

/** Batches of events in file order; a batch's byte views are valid until it is dropped. */
export type FileEvents = AsyncIterable<readonly FileEvent[]>;

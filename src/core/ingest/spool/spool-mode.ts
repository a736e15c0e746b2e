/** What an ingest server does with what it accepts, as it tells it: lines, health, metrics. */

/**
 * - `log`: everything goes straight into the log, and nothing waits.
 * - `spooling`: the log is away; events are kept on the local disk.
 * - `draining`: the log is back; what waits is sent, and new events go behind it.
 * - `full`: the log is away, or slow, and the spool takes no more; events are refused.
 */
export type IngestMode = 'log' | 'spooling' | 'draining' | 'full';

export interface SpoolState {
  readonly mode: IngestMode;
  /** When the mode began: milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Events that wait for the log. */
  readonly events: number;
  /** Bytes of the files that hold them. */
  readonly bytes: number;
  /** When the oldest of them came. */
  readonly oldestMs: number | null;
  /** Why the log does not take them; null in the mode `log`. */
  readonly problem: string | null;
}

/** For gauges: the higher, the worse. */
export const MODE_LEVELS: Readonly<Record<IngestMode, number>> = { log: 0, draining: 1, spooling: 2, full: 3 };

/** The numbers of an ingest server. Requests only add to plain sums, which are told every second: counting costs them nothing. */
import type { Clock } from '../clock.js';
import type { Metrics } from '../metrics/metrics.js';

export interface IngestMeter {
  /** Bytes of events that are from now on in flight, or with a negative number are not any more. */
  inFlight(bytes: number): void;
  accepted(events: number, bytes: number): void;
  refused(events: number, bytes: number): void;
  /** Runs an append and takes its time; a failed one is counted. */
  timed<T>(append: () => Promise<T>): Promise<T>;
  /** Tells what is left. */
  close(): Promise<void>;
}

const TOLD_EVERY_MS = 1000;

export function ingestMeter(metrics: Metrics, clock: Clock): IngestMeter {
  const sums = { acceptedEvents: 0, acceptedBytes: 0, refusedEvents: 0, refusedBytes: 0 };
  let inFlightBytes = 0;
  const over = new AbortController();
  const tell = (): void => {
    metrics.count('keystone_ingest_events_total', sums.acceptedEvents, { outcome: 'accepted' });
    metrics.count('keystone_ingest_bytes_total', sums.acceptedBytes, { outcome: 'accepted' });
    metrics.count('keystone_ingest_events_total', sums.refusedEvents, { outcome: 'refused' });
    metrics.count('keystone_ingest_bytes_total', sums.refusedBytes, { outcome: 'refused' });
    metrics.gauge('keystone_in_flight_bytes', inFlightBytes);
    Object.assign(sums, { acceptedEvents: 0, acceptedBytes: 0, refusedEvents: 0, refusedBytes: 0 });
  };
  const telling = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      await clock.sleep(TOLD_EVERY_MS, over.signal);
      tell();
    }
  })();
  return {
    inFlight: (bytes) => void (inFlightBytes += bytes),
    accepted: (events, bytes) => {
      sums.acceptedEvents += events;
      sums.acceptedBytes += bytes;
    },
    refused: (events, bytes) => {
      sums.refusedEvents += events;
      sums.refusedBytes += bytes;
    },
    timed: async (append) => {
      const begunMs = clock.nowMs();
      try {
        const result = await append();
        metrics.observe('keystone_append_seconds', Math.max(0, clock.nowMs() - begunMs) / 1000);
        return result;
      } catch (error) {
        metrics.count('keystone_append_failures_total', 1);
        throw error;
      }
    },
    close: async () => {
      over.abort();
      await telling;
    },
  };
}

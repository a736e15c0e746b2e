/** Sends a source's events to a sink and counts what became of them: the core of `ingest send`. */
import { isKeystoneError } from '../errors.js';
import type { ReportProgress } from '../progress.js';
import type { EventSink } from './event-sink.js';
import { interrupted } from './files/file-bytes.js';
import type { FileEvents } from './files/file-event.js';

export interface SendOptions {
  readonly events: FileEvents;
  /** Null: count only (a dry run). */
  readonly sink: EventSink | null;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  /** What is sent, for progress and messages. */
  readonly name: string;
}

export interface SendCounts {
  readonly events: number;
  /** Payload bytes. */
  readonly bytes: number;
  /** By dataset. */
  readonly datasets: Readonly<Record<string, number>>;
}

/** Resolves once everything is durable or refused. Rejects with KS_INTERRUPTED on the signal; what was given may be under way. */
export async function sendEvents({ events, sink, progress, signal, name }: SendOptions): Promise<SendCounts> {
  // No plain object: a dataset may be called toString.
  const datasets = new Map<string, number>();
  let count = 0;
  let bytes = 0;
  try {
    for await (const batch of events) {
      signal.throwIfAborted();
      for (const { payload, dataset } of batch) {
        bytes += payload.length;
        datasets.set(dataset, (datasets.get(dataset) ?? 0) + 1);
      }
      count += batch.length;
      await sink?.send(batch);
      progress({ phase: name, done: count, unit: 'events' });
    }
  } catch (error) {
    // A source that waits (standard input) is ended by the signal in a way of its own.
    throw signal.aborted && !isKeystoneError(error) ? interrupted(name) : error;
  }
  await sink?.flush();
  return { events: count, bytes, datasets: Object.fromEntries(datasets) };
}

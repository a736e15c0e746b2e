/** Sends a source's events to a sink and counts what became of them: the core of `ingest send` and `ingest replay`. */
import type { Clock } from '../clock.js';
import { isKeystoneError } from '../errors.js';
import type { ReportProgress } from '../progress.js';
import type { EventSink } from './event-sink.js';
import { interrupted } from './file-bytes.js';
import type { FileEvent, FileEvents } from './file-event.js';

/** When an event is due, in milliseconds after the first one; called once per event, in file order. */
export type Pace = (event: FileEvent) => number;

export interface SendOptions {
  readonly events: FileEvents;
  /** Null: count only (a dry run, which does not wait either). */
  readonly sink: EventSink | null;
  readonly pace?: Pace | undefined;
  /** At most so many events. */
  readonly limit?: number | undefined;
  readonly clock: Clock;
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
  /** How long the paced replay lasts, by its pace; 0 without one. */
  readonly paceMs: number;
}

/** Below this an early event is not held back: timers are no finer. */
const TIMER_MS = 2;
/** A timer longer than 24 days would fire at once. */
const LONGEST_SLEEP_MS = 3_600_000;

/** Resolves once everything is durable or refused. Rejects with KS_INTERRUPTED on the signal; what was given may be under way. */
export async function sendEvents(options: SendOptions): Promise<SendCounts> {
  const { sink, clock, signal, pace } = options;
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const startMs = clock.nowMs();
  const datasets: Record<string, number> = {};
  let count = 0;
  let bytes = 0;
  let dueMs = 0;

  /** Sends the events that are due and waits for the next; events that wait together go together. */
  const sendPaced = async (events: readonly FileEvent[], paceOf: Pace, to: EventSink): Promise<void> => {
    let from = 0;
    for (let index = 0; index < events.length; index++) {
      dueMs = paceOf(events[index] as FileEvent);
      const waitMs = startMs + dueMs - clock.nowMs();
      if (waitMs <= TIMER_MS) continue;
      await to.send(events.slice(from, index));
      await to.flush();
      from = index;
      for (let rest = waitMs; rest > 0; rest = startMs + dueMs - clock.nowMs()) {
        await clock.sleep(Math.min(rest, LONGEST_SLEEP_MS), signal);
        if (signal.aborted) throw interrupted(options.name);
      }
    }
    await to.send(events.slice(from));
  };

  const sendBatch = async (events: readonly FileEvent[]): Promise<void> => {
    for (const event of events) {
      bytes += event.payload.length;
      datasets[event.dataset] = (datasets[event.dataset] ?? 0) + 1;
    }
    count += events.length;
    if (sink && pace) await sendPaced(events, pace, sink);
    else if (sink) await sink.send(events);
    else if (pace) for (const event of events) dueMs = pace(event);
    options.progress({ phase: options.name, done: count, unit: 'events' });
  };

  try {
    for await (const batch of options.events) {
      signal.throwIfAborted();
      await sendBatch(batch.length > limit - count ? batch.slice(0, limit - count) : batch);
      if (count >= limit) break;
    }
  } catch (error) {
    // A source that waits (standard input) is ended by the signal in a way of its own.
    throw signal.aborted && !isKeystoneError(error) ? interrupted(options.name) : error;
  }
  await sink?.flush();
  return { events: count, bytes, datasets, paceMs: dueMs };
}

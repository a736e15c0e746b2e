/** Takes events from a source, passes over those that are not meant, and sends the others when they are due. */
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import type { ReportProgress } from '../progress.js';
import type { EventSelection } from './event-selection.js';
import type { ReplayEvent } from './replay-event.js';
import type { Pace } from './replay-pace.js';
import type { ReplaySink } from './replay-sink.js';
import type { ReplaySource } from './replay-source.js';

export interface ReplayCounts {
  /** Events that were meant: sent, or in a dry run counted. */
  readonly events: number;
  /** Payload bytes of these. */
  readonly bytes: number;
  readonly datasets: Readonly<Record<string, number>>;
}

/** Where a replay stands: what it has counted, and the next position of each stream. */
export interface ReplayStand extends ReplayCounts {
  readonly next: ReadonlyMap<string, number>;
}

export interface SendReplayOptions {
  readonly source: ReplaySource;
  readonly selection: EventSelection;
  /** Null: count only (a dry run, which does not wait either). */
  readonly sink: ReplaySink | null;
  readonly pace: Pace | undefined;
  /** At most so many events, those of earlier runs included. */
  readonly limit: number | undefined;
  /** Where an earlier run of the same replay stopped. */
  readonly start: ReplayStand;
  /** Called when everything before `stand` is durable or refused: now and then, and at an interruption. */
  readonly onDurable: (stand: ReplayStand) => Promise<void>;
  readonly clock: Clock;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** How much of a paced replay is still to come is told by what has been waited for: 0 without a pace. */
export interface SentReplay extends ReplayStand {
  readonly paceMs: number;
}

const DURABLE_EVERY_MS = 1_000;
const DURABLE_EVERY_EVENTS = 10_000;
/** Below this an early event is not held back: timers are no finer. */
const TIMER_MS = 2;
/** A timer longer than 24 days would fire at once. */
const LONGEST_SLEEP_MS = 3_600_000;

/**
 * Resolves once everything is durable or refused. Stopped on request, what was given is made durable and told to `onDurable` before
 * KS_INTERRUPTED is thrown.
 */
export async function sendReplay(options: SendReplayOptions): Promise<SentReplay> {
  const { source, selection, sink, pace, clock, signal, start } = options;
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const startMs = clock.nowMs();
  const next = new Map(start.next);
  // No plain object: a dataset may be called toString.
  const datasets = new Map(Object.entries(start.datasets));
  let { events: count, bytes } = start;
  let dueMs = 0;
  let durable = { events: count, atMs: startMs };

  const stand = (): ReplayStand => ({ next, events: count, bytes, datasets: Object.fromEntries(datasets) });
  const makeDurable = async (): Promise<void> => {
    if (!sink) return;
    await sink.flush();
    await options.onDurable(stand());
    durable = { events: count, atMs: clock.nowMs() };
  };
  /** Waits until the event is due; false when asked to stop meanwhile. */
  const waitFor = async (event: ReplayEvent): Promise<boolean> => {
    if (!pace) return true;
    dueMs = pace(event);
    if (!sink || startMs + dueMs - clock.nowMs() <= TIMER_MS) return true;
    await sink.flush();
    if (clock.nowMs() - durable.atMs >= DURABLE_EVERY_MS) await makeDurable();
    for (let rest = startMs + dueMs - clock.nowMs(); rest > 0; rest = startMs + dueMs - clock.nowMs()) {
      await clock.sleep(Math.min(rest, LONGEST_SLEEP_MS), signal);
      if (signal.aborted) return false;
    }
    return true;
  };
  const goesOn = (): boolean => count < limit && !signal.aborted;
  const sendBatch = async (batch: readonly ReplayEvent[]): Promise<void> => {
    const selected = await selection.selects(batch);
    for (const [index, event] of batch.entries()) {
      if (selected[index] === true) {
        if (!goesOn() || !(await waitFor(event))) return;
        await sink?.send(event);
        count++;
        bytes += event.payload?.length ?? 0;
        datasets.set(event.dataset, (datasets.get(event.dataset) ?? 0) + 1);
      }
      next.set(event.stream, event.position + 1);
    }
  };

  const readOn = async (): Promise<void> => {
    if (!goesOn()) return;
    for await (const batch of source.events(new Map(start.next), signal)) {
      await sendBatch(batch);
      if (!goesOn()) return;
      const { totalEvents: total } = source;
      options.progress({ phase: source.name, done: count, unit: 'events', ...(total === undefined ? {} : { total }) });
      const isDue = count - durable.events >= DURABLE_EVERY_EVENTS || clock.nowMs() - durable.atMs >= DURABLE_EVERY_MS;
      if (isDue) await makeDurable();
    }
  };
  try {
    await readOn();
  } catch (error) {
    // A source may end in an error of its own when it is told to stop.
    if (!signal.aborted) throw error;
  }
  await makeDurable();
  if (signal.aborted && count < limit) {
    throw new KeystoneError('KS_INTERRUPTED', `stopped before the end of ${source.name}, after ${count} events`);
  }
  return { ...stand(), paceMs: dueMs };
}

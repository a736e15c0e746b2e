/**
 * Appends that outlive the absence of the log.
 *
 *   append ──► log, under a name that this process keeps ──► position
 *     │  away for longer than the patience, or its breaker is open, or something waits already
 *     └─────► spool (fsync) ──► "spooled" ·· drained in order, under names that are on disk first ──► log
 *
 * While anything waits, what is new goes behind it. When little is left, new appends wait for a moment, the rest is drained, and they go
 * straight again: so nothing ever overtakes what came before it in its partition.
 */
import type { Clock } from '../../clock.js';
import { KeystoneError, messageOf } from '../../errors.js';
import type { NewRecord } from '../../log/event-log.js';
import type { AppendOutcome } from '../group-commit.js';
import { recordSizeBytes } from '../../event/envelope-record.js';
import { deliverStraight, LogAway, windowDelivery, type Delivery, type StraightDelivery } from './deliver-window.js';
import type { ClaimedSlot, KnownTopic } from '../../spool/spool-folder.js';
import type { SpoolRun } from '../../spool/spool-frame.js';
import type { IngestMode, SpoolState } from './spool-mode.js';

export interface SpooledAppendsOptions {
  readonly delivery: Delivery;
  /** What is drained, in order; the last is written to. */
  readonly slots: readonly ClaimedSlot[];
  readonly maxBytes: number;
  readonly clock: Clock;
  /** What is known of the topic from before. */
  readonly known: KnownTopic;
  /** Asks the log for the topic: resolves when it answers. */
  readonly probe: () => Promise<KnownTopic>;
  /** Chooses for records without a partition; asked when they are spooled. */
  readonly partitionOf: (record: NewRecord, partitions: number) => number;
  /** True while somebody has decided that events stay in the spool; asked often. */
  readonly isHeld: () => boolean;
  /** False: the log did not answer at the start. */
  readonly isLogThere: boolean;
  /** Told whenever the mode changes. */
  readonly onMode: (state: SpoolState) => void;
  /** Told of every change of what waits; cheap work only. */
  readonly onCounts?: (state: SpoolState) => void;
}

export interface SpooledAppends {
  /** An outcome for each record, in their order; never rejects. One call after the other is carried out. */
  append(records: readonly NewRecord[]): Promise<readonly AppendOutcome[]>;
  state(): SpoolState;
  /** Resolves when nothing waits, or the log is away, or it is stopped. */
  drained(): Promise<void>;
  /** Stops draining at the next window and lets go of the slots; what waits stays for the next process. */
  close(): Promise<void>;
}

/** Bytes sent together: some batches of each partition, fewer than a broker remembers. */
const WINDOW_BYTES = 2_000_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1000;
/** What the log refuses for good, it may take after somebody has changed its settings. */
const REFUSED_PAUSE_MS = 10_000;
const ROOM_SHARE = 0.9;
const HELD = 'events are kept in the spool because the level of degradation was set to buffer-only';

export function spooledAppends(options: SpooledAppendsOptions): SpooledAppends {
  const { delivery, clock, onMode, onCounts } = options;
  const slots = [...options.slots];
  const own = slots.at(-1)!;
  const stop = new AbortController();
  let { known } = options;
  let mode: IngestMode = 'log';
  let sinceMs = clock.nowMs();
  let problem: string | null = null;
  let isFull = false;
  let isAway = !options.isLogThere;
  let draining: Promise<void> | null = null;

  const total = (of: 'events' | 'bytes' | 'diskBytes'): number => slots.reduce((sum, { slot }) => sum + slot.counts()[of], 0);
  const waits = (): boolean => total('events') > 0;
  const state = (): SpoolState => ({
    mode,
    sinceMs,
    events: total('events'),
    bytes: total('bytes'),
    oldestMs: slots.map(({ slot }) => slot.counts().oldestMs).find((oldest) => oldest !== null) ?? null,
    problem,
  });
  /** Looks anew what the mode is. */
  const told = (): void => {
    const now: IngestMode = !isAway && !waits() ? 'log' : isFull ? 'full' : isAway ? 'spooling' : 'draining';
    if (now === 'log') problem = null;
    if (now !== mode) {
      mode = now;
      sinceMs = clock.nowMs();
      onMode(state());
    }
    onCounts?.(state());
  };

  /** One piece of work after the other: appends, and the end of a drain. */
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  /** Less than at the bound, so that the mode does not swing with each append. */
  const hasRoom = (): boolean => total('diskBytes') < options.maxBytes * ROOM_SHARE;
  const spool = async (runs: readonly SpoolRun[]): Promise<Error | null> => {
    const bytes = total('diskBytes');
    // What may be in the log already is kept a little beyond the bound: refused, it would be in doubt for its client too.
    const inDoubt = runs.some(({ name }) => name !== null);
    const more = runs.reduce((sum, { records }) => records.reduce((size, record) => size + recordSizeBytes(record), sum), 0);
    if (bytes + (inDoubt ? 0 : more) >= options.maxBytes) {
      isFull = true;
      told();
      return spoolFull(bytes, options.maxBytes, problem);
    }
    try {
      // Names that are known stand in a frame of their own, in front.
      const named = runs.filter(({ name }) => name !== null);
      const unnamed = runs.filter(({ name }) => name === null);
      for (const part of [named, unnamed]) if (part.length > 0) await own.slot.append({ atMs: clock.nowMs(), runs: part });
      if (hasRoom()) isFull = false;
      return null;
    } catch (error) {
      isFull = true;
      return error instanceof Error ? spoolFailed(error) : new Error(String(error));
    } finally {
      told();
    }
  };

  const spoolAll = async (records: readonly NewRecord[]): Promise<readonly AppendOutcome[]> => {
    const runs = new Map<number, NewRecord[]>();
    const partitions = records.map((record) => {
      const partition = options.partitionOf(record, known.partitions);
      const run = runs.get(partition);
      if (run) run.push(record);
      else runs.set(partition, [record]);
      return partition;
    });
    const failure = await spool([...runs].map(([partition, those]) => ({ partition, records: those, name: null })));
    drain();
    return partitions.map((partition) => failure ?? { kind: 'spooled', partition });
  };

  const straight = async (records: readonly NewRecord[]): Promise<readonly AppendOutcome[]> => {
    let result: StraightDelivery;
    try {
      result = await deliverStraight(delivery, records, (record) => options.partitionOf(record, known.partitions));
    } catch (error) {
      return records.map(() => (error instanceof Error ? error : new Error(String(error))));
    }
    const outcomes: (AppendOutcome | undefined)[] = [...result.outcomes];
    if (result.away) {
      away(result.away);
      const failure = await spool(result.left);
      for (const { partition, indexes } of result.left)
        for (const index of indexes) outcomes[index] = failure ? unsure(failure) : { kind: 'spooled', partition };
      drain();
    }
    return outcomes.map((outcome) => outcome ?? new Error('the log has not answered for a record'));
  };

  const away = (cause: unknown): void => {
    isAway = true;
    problem = messageOf(cause);
    told();
  };

  const held = (): boolean => {
    if (!options.isHeld()) return false;
    away(new Error(HELD));
    return true;
  };

  /** Runs until nothing waits and the log has answered. */
  const drain = (): void => {
    if (draining || stop.signal.aborted || (!waits() && !isAway)) return;
    draining = drainAll().finally(() => {
      draining = null;
      // Something may have come just now.
      drain();
    });
  };
  const drainAll = async (): Promise<void> => {
    let pauses = 0;
    while (!stop.signal.aborted && (waits() || isAway)) {
      try {
        if (options.isHeld()) throw new LogAway(new Error(HELD));
        if (isAway) await probeNow();
        const isLittle = slots.length === 1 && own.slot.counts().bytes <= WINDOW_BYTES;
        // The rest goes while new appends wait.
        if (isLittle) await inTurn(() => drainSlots(Infinity));
        else await drainSlots(1);
        pauses = 0;
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!isAway || problem === null) away(error);
        problem = messageOf(error);
        told();
        const pauseMs = error instanceof LogAway ? Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** pauses) : REFUSED_PAUSE_MS;
        pauses += 1;
        await clock.sleep(pauseMs, stop.signal);
      }
    }
  };
  /** The log answers: it is not away any more. */
  const probeNow = async (): Promise<void> => {
    try {
      known = await options.probe();
    } catch (error) {
      throw error instanceof Error ? new LogAway(error) : error;
    }
    isAway = false;
    told();
  };
  let current: { readonly attempt: () => Promise<void>; readonly finish: () => Promise<void> } | null = null;
  const drainSlots = async (windows: number): Promise<void> => {
    for (let n = 0; n < windows && !stop.signal.aborted;) {
      const first = slots[0]!;
      if (!current) {
        const { slot } = first;
        const window = await slot.next(WINDOW_BYTES);
        if (!window) {
          if (first === own) return;
          slots.shift();
          await first.release();
          continue;
        }
        const way = windowDelivery(delivery, slot, window);
        current = { attempt: way.attempt, finish: () => slot.done(window) };
      }
      await current.attempt();
      await current.finish();
      current = null;
      n += 1;
      if (hasRoom()) isFull = false;
      told();
    }
  };

  if (isAway || waits()) {
    told();
    drain();
  }

  return {
    append: (records) =>
      inTurn(async () => {
        const sizes = records.map(recordSizeBytes);
        const fitting = records.filter((_, n) => sizes[n]! <= known.recordBytes);
        const outcomes =
          fitting.length === 0 ? [] : waits() || isAway || held() ? await spoolAll(fitting) : await straight(fitting);
        if (fitting.length === records.length) return outcomes;
        let next = 0;
        return sizes.map((size) => (size <= known.recordBytes ? outcomes[next++]! : tooLargeForTopic(size, known.recordBytes)));
      }),
    state,
    drained: async () => {
      while (draining && !isAway && !stop.signal.aborted) await Promise.race([draining, clock.sleep(50, stop.signal)]);
    },
    close: async () => {
      stop.abort();
      await draining;
      await inTurn(async () => undefined);
      for (const { release } of slots.splice(0)) await release();
    },
  };
}

const spoolFull = (bytes: number, most: number, problem: string | null): KeystoneError =>
  new KeystoneError(
    'KS_LIMIT',
    `the spool is full: ${bytes} of ${most} bytes wait (ingest.spool.maxSize)${problem ? `; ${problem}` : ''}`,
    {
      hint: 'bring the log back, or raise ingest.spool.maxSize',
      details: { bytes, most },
    },
  );

/** A full disk says so in its own words, and they are told. */
const spoolFailed = (error: Error): KeystoneError =>
  new KeystoneError('KS_LIMIT', `the spool could not keep it: ${error.message}`, {
    hint: 'free space below ingest.spool.path, or bring the log back',
    cause: error,
  });

const unsure = (failure: Error): Error =>
  new KeystoneError('KS_LIMIT', `${failure.message}; whether the log took it is not known`, {
    hint: 'sending the same events with the same ids again is safe',
    cause: failure,
  });

const tooLargeForTopic = (bytes: number, most: number): KeystoneError =>
  new KeystoneError('KS_LOG', `an event of ${bytes} bytes with its headers is more than the topic takes (${most})`, {
    hint: 'raise max.message.bytes of the topic, or lower ingest.maxMessage',
    details: { bytes, most },
  });

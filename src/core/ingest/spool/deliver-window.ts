/**
 * Batches on their way into the log: what is new goes straight, what waited in the spool goes under names that are on disk before it is sent.
 * Either way each batch keeps its name until the log has answered for it, so it is there once, whatever breaks in between.
 */
import type { Clock } from '../../clock.js';
import type { NewRecord, RecordPosition } from '../../log/event-log.js';
import type { BatchOutcome, NamedAppends, NamedBatch } from '../../log/named-appends.js';
import { isTransientFailure } from '../../resilience/transient-failure.js';
import type { SpoolRun } from '../../spool/spool-frame.js';
import type { SpoolSlot, SpoolWindow } from '../../spool/spool-slot.js';

/** The log is away, or may be: what was to be sent has to wait. */
export class LogAway extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'LogAway';
  }
}

export interface Delivery {
  readonly named: NamedAppends;
  readonly topic: string;
  readonly clock: Clock;
  /** How long a batch may take. */
  readonly patienceMs: number;
}

/** What became of records that were to go straight into the log. */
export interface StraightDelivery {
  /** By place; undefined: it waits in `left`. */
  readonly outcomes: readonly (RecordPosition | Error | undefined)[];
  /** What the log has not answered for, in the order in which it has to be sent. */
  readonly left: readonly (SpoolRun & { readonly indexes: readonly number[] })[];
  /** Why; null: nothing is left. */
  readonly away: Error | null;
}

/** A name may have been forgotten by the log after this long; it remembers for a day unless it is told otherwise. */
const LOOK_AFTER_MS = 10 * 60_000;
const LEAST_PATIENCE_MS = 200;

/** Batches in rounds of one for each partition. */
function roundsOf<Batch extends { readonly partition: number }>(batches: readonly Batch[]): readonly (readonly Batch[])[] {
  const rounds: Batch[][] = [];
  const next = new Map<number, number>();
  for (const batch of batches) {
    const round = next.get(batch.partition) ?? 0;
    next.set(batch.partition, round + 1);
    (rounds[round] ??= []).push(batch);
  }
  return rounds;
}

/** @throws what keeps the log from taking any of them, now and later. */
export async function deliverStraight(
  { named, topic, clock, patienceMs }: Delivery,
  records: readonly NewRecord[],
  partitionOf: (record: NewRecord) => number,
): Promise<StraightDelivery> {
  const outcomes: (RecordPosition | Error | undefined)[] = Array.from({ length: records.length });
  const untilMs = clock.nowMs() + patienceMs;
  /** The client waits for all of it together. */
  const leftMs = (): number => Math.max(LEAST_PATIENCE_MS, untilMs - clock.nowMs());
  let cuts: Awaited<ReturnType<NamedAppends['cut']>>;
  try {
    cuts = await named.cut(topic, records, patienceMs);
  } catch (error) {
    if (!(error instanceof Error) || !isTransientFailure(error)) throw error;
    const left = records.map((record, index) => {
      const partition = partitionOf(record);
      return { partition, records: [{ ...record, partition }], name: null, indexes: [index] };
    });
    return { outcomes, left, away: error };
  }
  const rounds = roundsOf(cuts);
  const settled = new Set<NamedBatch>();
  let away: Error | null = null;
  for (const round of rounds) {
    const answers = await named.send(topic, round, leftMs());
    round.forEach((batch, n) => {
      const answer = answers[n]!;
      if (answer.kind !== 'taken' && answer.kind !== 'refused') {
        away ??= answer.error;
        return;
      }
      settled.add(batch);
      batch.indexes.forEach((index, place) => {
        outcomes[index] = answer.kind === 'taken' ? positionOf(batch.partition, answer, place) : answer.error;
      });
    });
    if (away) break;
  }
  // Those that were never sent keep their names too: the numbers of their producer go on behind them.
  return { outcomes, left: cuts.filter((cut) => !settled.has(cut)), away };
}

/** -1: the log knows the record, and does not tell where it lies. */
const positionOf = (
  partition: number,
  { baseOffset }: Extract<BatchOutcome, { readonly kind: 'taken' }>,
  place: number,
): RecordPosition => ({ partition, offset: baseOffset === null ? -1 : baseOffset + place });

/** The window on its way; what of it the log has taken is remembered between attempts. */
export interface WindowDelivery {
  /** Resolves once the log has all of it. @throws LogAway, or what keeps the log from taking it. */
  attempt(): Promise<void>;
}

export function windowDelivery(
  { named, topic, clock, patienceMs }: Delivery,
  slot: SpoolSlot,
  window: SpoolWindow,
): WindowDelivery {
  let batches: NamedBatch[] | null = window.batches ? [...window.batches] : null;
  let namedAtMs = window.namedAtMs;
  let hasLooked = false;
  const taken = new Set<NamedBatch>();

  const away = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw error instanceof Error && isTransientFailure(error) ? new LogAway(error) : error;
    }
  };
  const write = async (names: readonly NamedBatch[]): Promise<void> => {
    namedAtMs = clock.nowMs();
    await slot.named(window, names, namedAtMs);
  };
  const isThere = async (batch: NamedBatch): Promise<boolean> => (await away(named.find(topic, batch, patienceMs))) !== null;

  /** Sent by a process that is gone, or long ago: nobody knows what the log remembers of it. */
  const isOld = (): boolean =>
    (window.isInherited && window.batches !== null && !hasLooked) ||
    (namedAtMs !== null && Math.abs(clock.nowMs() - namedAtMs) > LOOK_AFTER_MS);

  /** The batch under new names, which are on disk. */
  const renamed = async (all: NamedBatch[], batch: NamedBatch): Promise<void> => {
    const records = batch.records.map((record) => ({ ...record, partition: batch.partition }));
    const cuts = await away(named.cut(topic, records, patienceMs));
    all.splice(all.indexOf(batch), 1, ...cuts);
    await write(all);
  };

  return {
    attempt: async () => {
      if (!batches) {
        const cuts = [...(await away(named.cut(topic, window.records, patienceMs)))];
        await write(cuts);
        batches = cuts;
      } else if (isOld()) {
        for (const batch of batches) if (!taken.has(batch) && (await isThere(batch))) taken.add(batch);
        hasLooked = true;
      }
      for (;;) {
        const round = roundsOf(batches.filter((batch) => !taken.has(batch)))[0];
        if (!round) return;
        const answers = await named.send(topic, round, patienceMs);
        let failure: Error | null = null;
        for (const [n, batch] of round.entries()) {
          const answer = answers[n]!;
          if (answer.kind === 'taken') taken.add(batch);
          else if (answer.kind === 'forgotten') {
            if (await isThere(batch)) taken.add(batch);
            else await renamed(batches, batch);
          } else failure ??= answer.kind === 'refused' ? answer.error : new LogAway(answer.error);
        }
        if (failure) throw failure;
      }
    },
  };
}

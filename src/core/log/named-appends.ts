/**
 * Port: appends whose batches carry a name by which the log knows them again, for whoever must be able to send a batch a second time,
 * after a crash too, without making it a second one. Only a log behind a network has it: where an append is local, nothing is in doubt.
 *
 * Guarantees that every adapter's contract test checks:
 * - a batch that is sent again under its name, unchanged, is in the log once, also from another process;
 * - `find` tells of every batch that was taken under a name, as long as the topic holds its records;
 * - batches of one partition that are sent one after the other lie in that order; two of them may not be under way at once.
 *
 * The log remembers names for a limited time and a few batches for each partition: who sends an old one again asks `find` first.
 */
import type { NewRecord } from './event-log.js';

/** Plain data, to be stored beside the batch. */
export interface BatchName {
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  /** The batch cannot lie before this offset of its partition. */
  readonly notBefore: number;
}

/** Records that go into one partition together, in their order. */
export interface NamedBatch {
  readonly partition: number;
  readonly records: readonly NewRecord[];
  readonly name: BatchName;
}

/** A batch and where its records stood among those that were given. */
export interface CutBatch extends NamedBatch {
  readonly indexes: readonly number[];
}

export type BatchOutcome =
  /** `baseOffset` is null where the log knows the batch, and not any more where it lies. */
  | { readonly kind: 'taken'; readonly baseOffset: number | null }
  /** Not in the log: it was never sent. */
  | { readonly kind: 'unsent'; readonly error: Error }
  /** It may be in the log, now or later. Only under the same name may it be sent again. */
  | { readonly kind: 'doubtful'; readonly error: Error }
  /** The log does not know the name's producer any more: `find`, and where nothing is found send under a new name. */
  | { readonly kind: 'forgotten'; readonly error: Error }
  /** Not in the log, and sending again changes nothing. */
  | { readonly kind: 'refused'; readonly error: Error };

export interface NamedAppends {
  /** How many bytes of key, value and headers the topic surely takes in one record. */
  recordBytes(topic: string): Promise<number>;
  /**
   * Cuts the records into batches that the topic takes and names each. Those without a partition get one as `append` would choose it.
   * A name that is not used need not be given back. Throws what keeps it from it, at the latest after `patienceMs`.
   */
  cut(topic: string, records: readonly NewRecord[], patienceMs: number): Promise<readonly CutBatch[]>;
  /**
   * Sends each batch, again and again while what fails may pass, for `patienceMs` at most. At most one batch of a partition.
   * Outcomes come in the order of `batches`; it never throws.
   */
  send(topic: string, batches: readonly NamedBatch[], patienceMs: number): Promise<readonly BatchOutcome[]>;
  /** Offset of the first record of the batch that was taken under this name; null: there is none. Throws KS_LOG, KS_CREDENTIALS. */
  find(topic: string, batch: Pick<NamedBatch, 'partition' | 'name'>, patienceMs: number): Promise<number | null>;
}

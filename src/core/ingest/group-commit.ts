/**
 * Group commit: what arrives while the log is busy goes into the next append together, so many small requests share one fsync,
 * and one lonely request waits for nobody (the batch is cut when the event loop is free, or after a fixed linger).
 *
 * One append is under way at a time, in the order of submission. A batch is capped by bytes (a broker refuses more) and by count;
 * a large submission is spread over several appends, so each record has its own outcome.
 */
import { recordSizeBytes } from '../event/envelope-record.js';
import type { NewRecord, RecordPosition } from '../log/event-log.js';

/** Kept on this machine's disk until the log is back; it goes into that partition. */
export interface SpooledRecord {
  readonly kind: 'spooled';
  readonly partition: number;
}

/** The record's place in the log, or the error of the append that it was part of. */
export type AppendOutcome = RecordPosition | SpooledRecord | Error;

export interface GroupCommit {
  /** `settle` is called once, with one outcome per record in their order, after the last of them is durable or has failed. */
  submit(records: readonly NewRecord[], settle: (outcomes: readonly AppendOutcome[]) => void): void;
  /** Stops waiting for the linger and resolves once everything submitted is settled. */
  flush(): Promise<void>;
}

export interface GroupCommitOptions {
  readonly append: (records: readonly NewRecord[]) => Promise<readonly AppendOutcome[]>;
  /** 0: as soon as the event loop is free. */
  readonly lingerMs: number;
  readonly maxBatchBytes?: number;
  readonly maxBatchRecords?: number;
}

interface Submission {
  readonly records: readonly NewRecord[];
  readonly outcomes: AppendOutcome[];
  readonly settle: (outcomes: readonly AppendOutcome[]) => void;
  taken: number;
}

interface Part {
  readonly submission: Submission;
  readonly from: number;
  readonly to: number;
}

const BATCH_BYTES = 1_000_000;
const BATCH_RECORDS = 5_000;

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const maxBytes = options.maxBatchBytes ?? BATCH_BYTES;
  const maxRecords = options.maxBatchRecords ?? BATCH_RECORDS;
  let queue: Submission[] = [];
  let queueHead = 0;
  let isAppending = false;
  let timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  let isFlushing = false;
  const waiting: (() => void)[] = [];

  /** Always takes at least one record, however large: the log itself says when it is too large for it. */
  const takeBatch = (): { readonly records: NewRecord[]; readonly parts: Part[] } => {
    const records: NewRecord[] = [];
    const parts: Part[] = [];
    let bytes = 0;
    for (;;) {
      const submission = queue[queueHead];
      if (!submission) break;
      const from = submission.taken;
      let isFull = false;
      while (submission.taken < submission.records.length) {
        const record = submission.records[submission.taken] as NewRecord;
        const size = recordSizeBytes(record);
        isFull = records.length > 0 && (bytes + size > maxBytes || records.length >= maxRecords);
        if (isFull) break;
        bytes += size;
        records.push(record);
        submission.taken++;
      }
      if (submission.taken > from) parts.push({ submission, from, to: submission.taken });
      if (isFull) break;
      queueHead++;
    }
    if (queueHead === queue.length) {
      queue = [];
      queueHead = 0;
    } else if (queueHead > 1000) {
      queue = queue.slice(queueHead);
      queueHead = 0;
    }
    return { records, parts };
  };

  const finish = (parts: readonly Part[], positions: readonly AppendOutcome[] | Error): void => {
    isAppending = false;
    let at = 0;
    for (const { submission, from, to } of parts) {
      for (let index = from; index < to; index++, at++) {
        submission.outcomes[index] =
          positions instanceof Error
            ? positions
            : (positions[at] ?? new Error('the log answered fewer positions than it was given records'));
      }
      if (to === submission.records.length) submission.settle(submission.outcomes);
    }
    if (queue.length > 0) commit();
    else idle();
  };

  const idle = (): void => {
    if (isAppending || queue.length > 0) return;
    for (const resolve of waiting.splice(0)) resolve();
  };

  const commit = (): void => {
    if (isAppending) return;
    timer = undefined;
    const { records, parts } = takeBatch();
    if (records.length === 0) return idle();
    isAppending = true;
    options.append(records).then(
      (positions) => finish(parts, positions),
      (error: unknown) => finish(parts, error instanceof Error ? error : new Error(String(error))),
    );
  };

  return {
    submit(records, settle) {
      if (records.length === 0) return settle([]);
      queue.push({ records, outcomes: [], settle, taken: 0 });
      if (isAppending || timer) return;
      timer = options.lingerMs > 0 && !isFlushing ? setTimeout(commit, options.lingerMs) : setImmediate(commit);
    },
    flush: () =>
      new Promise((resolve) => {
        isFlushing = true;
        waiting.push(resolve);
        if (isAppending) return;
        if (timer && options.lingerMs > 0) clearTimeout(timer as NodeJS.Timeout);
        commit();
      }),
  };
}

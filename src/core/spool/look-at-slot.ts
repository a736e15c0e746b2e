/**
 * What waits in one slot of the spool, read beside whoever is at work there: nothing is locked, made or changed, and what cannot be read
 * keeps nothing else from being counted. File by file, so memory holds one of them.
 */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isKeystoneError, messageOf } from '../errors.js';
import type { BatchName } from '../log/named-appends.js';
import {
  damagedFile,
  mendFile,
  fileName,
  isAbsent,
  spoolFiles,
  surveyFile,
  type PlacedFrame,
  type SpoolCounts,
} from './spool-files.js';
import { readJournal, type SpoolPlace, type WindowNames } from './spool-journal.js';
import { asideFiles } from './spool-tail.js';

/** Records that were sent together, or were about to be, without a mark that the log has them: it may have them all the same. */
export interface DoubtfulBatch {
  readonly partition: number;
  readonly count: number;
  readonly name: BatchName;
}

/** As what a record was sent. */
export interface SentAs {
  readonly batch: DoubtfulBatch;
  /** Its place in the batch, from 0. */
  readonly index: number;
}

export interface WaitingFrame extends PlacedFrame {
  /** Number of its file. */
  readonly file: number;
  /** Of the record with this index of this run (both from 0); null: it was not sent. */
  sentAs(run: number, index: number): SentAs | null;
}

export interface SlotLook extends SpoolCounts {
  /** Where what is not drained began when the look did (`slotFront`). */
  readonly front: SpoolPlace | null;
  readonly inDoubt: readonly DoubtfulBatch[];
  /** A file is damaged: nobody sends anything of the slot before that is mended. */
  readonly isBlocked: boolean;
  /** Damage, each piece named; what is whole is counted beside it. */
  readonly problems: readonly string[];
  /** What can be done about it; null: nothing is wrong, or nobody knows. */
  readonly mend: string | null;
  /** Ends of files that are torn: writes that a crash cut, and that nobody was told are kept. */
  readonly torn: readonly TornEnd[];
  /** What is no damage and somebody should know: torn ends, and what of them was put aside. */
  readonly notes: readonly string[];
}

export interface TornEnd {
  /** Number of its file. */
  readonly file: number;
  /** Behind the last whole frame. */
  readonly at: number;
  readonly bytes: number;
  /** It is the end of the newest file, which a server may be writing just now. */
  readonly isNewest: boolean;
}

/** `folder`: that of the slot. Events that come meanwhile may be counted or not. @throws the file system's error. */
export async function lookAtSlot(folder: string, onFrame: (frame: WaitingFrame) => void = () => undefined): Promise<SlotLook> {
  const journalPath = path.join(folder, 'journal');
  const front = await slotFront(folder);
  const { doneTo, names, isDamaged } = await readJournal(journalPath);
  const problems: string[] = [];
  const torn: TornEnd[] = [];
  const notes: string[] = [];
  let mend: string | null = null;
  if (isDamaged)
    problems.push(`${journalPath} is damaged: how far the slot is drained cannot be told, events of it may be sent twice`);
  const inDoubt: DoubtfulBatch[] = [];
  let isBlocked = false;
  let isFirst = true;
  let window: SentWindow | null = null;
  let events = 0;
  let bytes = 0;
  let oldestMs: number | null = null;
  const see = (file: number, frame: PlacedFrame): void => {
    if (isFirst && names && names.from.file === file && names.from.at === frame.at) {
      window = sentWindow(names);
      inDoubt.push(...names.batches);
    }
    isFirst = false;
    const isInWindow = names !== null && window !== null && file === names.to.file && frame.at < names.to.at;
    const sent = isInWindow ? window!.next(frame) : ownNames(frame);
    if (!isInWindow) for (const run of frame.head.runs) if (run.name) inDoubt.push({ ...run, name: run.name });
    onFrame({ ...frame, file, sentAs: sent });
  };
  const numbers = (await spoolFiles(folder)).filter((number) => !doneTo || number >= doneTo.file);
  for (const [n, number] of numbers.entries()) {
    const before = numbers[n - 1];
    if (before !== undefined && number !== before + 1)
      problems.push(`the spool file ${path.join(folder, fileName(before + 1))} is missing: what was in it is lost`);
    const from = doneTo?.file === number ? doneTo.at : 0;
    const found = await surveyFile(folder, number, from, (frame) => see(number, frame)).catch((error: unknown) => {
      // It has been drained by now.
      if (isAbsent(error)) return null;
      if (isKeystoneError(error)) throw error;
      isBlocked = true;
      problems.push(`the spool file ${path.join(folder, fileName(number))} cannot be read: ${messageOf(error)}`);
      return null;
    });
    if (!found) continue;
    if (found.damagedAt !== null) {
      isBlocked = true;
      problems.push(damagedFile(folder, number, found.damagedAt, from).message);
      mend ??= mendFile(path.join(folder, fileName(number)), found.damagedAt, from);
    }
    if (found.tornBytes > 0) {
      const [file, bytesTorn] = [path.join(folder, fileName(number)), found.tornBytes];
      torn.push({ file: number, at: found.endBytes, bytes: bytesTorn, isNewest: number === numbers.at(-1) });
      notes.push(
        `${file} ends in ${bytesTorn} bytes of a torn write: no client was told that it is kept, unless the file itself was cut; it is put aside before the file goes`,
      );
    }
    events += found.events;
    bytes += found.bytes;
    oldestMs ??= found.oldestMs;
  }
  for (const { name, kind } of await asideFiles(folder)) {
    const file = path.join(folder, name);
    if (kind === 'damaged') {
      problems.push(`${file} is a damaged spool file that was kept: events of it may not be in the log`);
      mend ??= `send the events again that were in ${file}, then move it out of the slot's folder`;
    } else
      notes.push(
        `${file} keeps what a torn write left: no client was told that it is kept, unless its file was cut; look at it, then move it out of the slot's folder`,
      );
  }
  return { events, bytes, oldestMs, front, inDoubt, isBlocked, problems, mend, torn, notes };
}

/** Where what is not drained begins, without reading it; null: everything is. It moves on whenever the slot is drained. */
export async function slotFront(folder: string): Promise<SpoolPlace | null> {
  const { doneTo } = await readJournal(path.join(folder, 'journal'));
  for (const file of await spoolFiles(folder)) {
    if (doneTo && file < doneTo.file) continue;
    const at = doneTo?.file === file ? doneTo.at : 0;
    const found = await stat(path.join(folder, fileName(file))).catch(() => null);
    if (found && found.size > at) return { file, at };
  }
  return null;
}

const ownNames =
  ({ head }: PlacedFrame): WaitingFrame['sentAs'] =>
  (run, index) => {
    const of = head.runs[run];
    return of?.name ? { batch: { ...of, name: of.name }, index } : null;
  };

interface SentWindow {
  /** Of the next frame of the window, in their order. */
  next(frame: PlacedFrame): WaitingFrame['sentAs'];
}

/** A window's names hold for the records of each partition in their order, over all frames of the window. */
function sentWindow({ batches }: WindowNames): SentWindow {
  const passed = new Map<number, number>();
  const placeOf = (partition: number, nth: number): SentAs | null => {
    let left = nth;
    for (const batch of batches) {
      if (batch.partition !== partition) continue;
      if (left < batch.count) return { batch, index: left };
      left -= batch.count;
    }
    return null;
  };
  return {
    next: ({ head }) => {
      const starts = head.runs.map(({ partition, count }) => {
        const start = passed.get(partition) ?? 0;
        passed.set(partition, start + count);
        return start;
      });
      return (run, index) => {
        const of = head.runs[run];
        return of ? placeOf(of.partition, starts[run]! + index) : null;
      };
    },
  };
}

/**
 * One slot of the spool: what one process has accepted while the log was away, in files of frames, oldest first, each append on disk before
 * it resolves. It is read from the front in windows, and a file goes as soon as everything in it is in the log.
 *
 * Plain files and not SQLite: an append is one write and one fdatasync (measured: 1,000 events of 300 bytes in half the time and half
 * the CPU of the embedded log's file, whose WAL writes pages, and each of them twice), nothing is ever changed in place, and what is drained
 * is given back to the disk at once.
 */
import { open, truncate, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { NewRecord } from '../log/event-log.js';
import type { NamedBatch } from '../log/named-appends.js';
import { readFrames } from './read-frames.js';
import { slotReserve } from './slot-reserve.js';
import { damagedFile, fileName, isAbsent, spoolFiles, surveyFile, type FileSurvey, type SpoolCounts } from './spool-files.js';
import { decodeFrame, encodeFrame, type SpoolFrame, type SpoolRun } from './spool-frame.js';
import { openJournal, readJournal, type SpoolPlace, type WindowNames } from './spool-journal.js';
import { dropDrained, putTailAside } from './spool-tail.js';

/** What is sent next, from the front. */
export interface SpoolWindow {
  readonly from: SpoolPlace;
  readonly to: SpoolPlace;
  readonly events: number;
  /** All of them, with their partitions. */
  readonly records: readonly NewRecord[];
  /** Under which names they were sent before, or were about to be; null: they were not. */
  readonly batches: readonly NamedBatch[] | null;
  /** When they got their names. */
  readonly namedAtMs: number | null;
  /** A process before this one spooled them. */
  readonly isInherited: boolean;
}

export interface SpoolSlot {
  readonly name: string;
  /** What was found torn when it was opened, and put aside. */
  readonly notes: readonly string[];
  /** Resolves once the runs survive a crash. Rejects with the disk's error, and nothing of them is kept. */
  append(frame: SpoolFrame): Promise<void>;
  /** The next window of about `maxBytes`; null: nothing waits. The same again until it is done. */
  next(maxBytes: number): Promise<SpoolWindow | null>;
  /** Resolves once the names survive a crash. */
  named(window: SpoolWindow, batches: readonly NamedBatch[], atMs: number): Promise<void>;
  done(window: SpoolWindow): Promise<void>;
  /** `diskBytes`: of the files, with what of them is drained already. */
  counts(): SpoolCounts & { readonly diskBytes: number };
  close(): Promise<void>;
}

interface SpoolFile {
  readonly number: number;
  /** What is whole and on disk. */
  bytes: number;
  /** When its first frame came, from where it is drained. */
  oldestMs: number | null;
  /** A torn end that could not be put aside is in it still. */
  readonly isTailInIt: boolean;
}

const DEFAULT_FILE_BYTES = 16 * 1024 * 1024;

/** The caller holds the slot's lock; a file that has reached `fileBytes` is followed by another. @throws KeystoneError KS_LOG when what waits is damaged. */
export async function openSlot(folder: string, name: string, fileBytes = DEFAULT_FILE_BYTES): Promise<SpoolSlot> {
  const inside = (file: string): string => path.join(folder, file);
  const syncFolder = async (): Promise<void> => {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  const reserve = slotReserve(folder);
  const journalPath = inside('journal');
  const state = await readJournal(journalPath);
  const journal = openJournal(journalPath, state.goodBytes, reserve.give);
  let cursor: SpoolPlace = state.doneTo ?? { file: 0, at: 0 };
  let names = state.names;
  let events = 0;
  const files: SpoolFile[] = [];
  const notes: string[] = [];
  const surveys: { readonly number: number; readonly found: FileSurvey }[] = [];
  for (const number of await spoolFiles(folder)) {
    const from = number === cursor.file ? cursor.at : 0;
    const found = await surveyFile(folder, number, from);
    if (found.damagedAt !== null && number >= cursor.file) throw damagedFile(folder, number, found.damagedAt, from);
    surveys.push({ number, found });
  }
  // Not before all of them are known to be whole: a slot that is damaged is left as it is.
  for (const { number, found } of surveys) {
    const file = inside(fileName(number));
    let isTailInIt = false;
    if (found.tornBytes > 0) {
      const aside = await putTailAside(file, found.endBytes, reserve.give);
      notes.push(aside.note);
      isTailInIt = !aside.isAside;
    }
    if (number < cursor.file) {
      await dropDrained(file, isTailInIt || found.damagedAt !== null);
      continue;
    }
    events += found.events;
    files.push({ number, bytes: found.endBytes, oldestMs: found.oldestMs, isTailInIt });
  }
  let lastNumber = Math.max(cursor.file, files.at(-1)?.number ?? 0);
  const inheritedTo = lastNumber;
  await reserve.keep();

  let writing: { readonly file: SpoolFile; readonly handle: FileHandle } | null = null;
  /** A file whose end could not be taken back; nothing is written before it is. */
  let untidy: SpoolFile | null = null;

  const tidy = async (): Promise<void> => {
    if (!untidy) return;
    await truncate(inside(fileName(untidy.number)), untidy.bytes);
    untidy = null;
  };
  const writable = async (): Promise<{ readonly file: SpoolFile; readonly handle: FileHandle }> => {
    if (writing && writing.file.bytes < fileBytes) return writing;
    await writing?.handle.close();
    writing = null;
    const number = lastNumber + 1;
    const handle = await open(inside(fileName(number)), 'wx');
    lastNumber = number;
    const file: SpoolFile = { number, bytes: 0, oldestMs: null, isTailInIt: false };
    files.push(file);
    writing = { file, handle };
    await syncFolder();
    return writing;
  };
  /** While it is true, what seems to be a drained file is being written. */
  let isAppending = false;
  const append: SpoolSlot['append'] = async (frame) => {
    isAppending = true;
    try {
      await write(frame);
    } finally {
      isAppending = false;
    }
  };
  const write = async (frame: SpoolFrame): Promise<void> => {
    await tidy();
    const bytes = encodeFrame(frame);
    const { file, handle } = await writable();
    try {
      for (let written = 0; written < bytes.length;)
        written += (await handle.write(bytes, written, bytes.length - written, file.bytes + written)).bytesWritten;
      await handle.datasync();
    } catch (error) {
      // After a failed sync nobody knows what the file holds: it is cut, and never written again.
      untidy = file;
      writing = null;
      await handle.close().catch(() => undefined);
      await tidy().catch(() => undefined);
      throw error;
    }
    file.bytes += bytes.length;
    file.oldestMs ??= frame.atMs;
    for (const run of frame.runs) events += run.records.length;
  };

  /** The journal has nothing to say. */
  let isForgotten = false;
  /** Forgets files before the cursor, and the last one when it is drained too. */
  const forget = async (): Promise<void> => {
    for (let first = files[0]; first && isDrained(first, cursor); first = files[0]) {
      if (isAppending && first === files.at(-1)) return;
      // Taken away in one step: an append that begins now takes a new file.
      files.shift();
      const handle = writing?.file === first ? writing.handle : null;
      if (handle) writing = null;
      if (untidy === first) untidy = null;
      await handle?.close();
      await dropDrained(inside(fileName(first.number)), first.isTailInIt).catch((error: unknown) => {
        if (!isAbsent(error)) throw error;
      });
    }
    if (files.length > 0 || isAppending || isForgotten) return;
    // The journal goes when the files are surely gone: without it they would be sent anew.
    await syncFolder();
    await journal.clear();
    names = null;
    isForgotten = true;
    await reserve.keep();
  };

  const next: SpoolSlot['next'] = async (maxBytes) => {
    await forget();
    const [file] = files;
    if (!file) return null;
    const from: SpoolPlace = file.number === cursor.file ? cursor : { file: file.number, at: 0 };
    const sent = names && isSame(names.from, from) ? names : null;
    const frames = (
      await readFrames(folder, file.number, { from: from.at, end: file.bytes, maxBytes: sent ? sent.to.at - from.at : maxBytes })
    ).map((bytes) => ({
      ...decodeFrame(bytes),
      sizeBytes: bytes.length,
    }));
    const ownNames = sent ? -1 : frames.findIndex(({ runs }) => runs.some((run) => run.name !== null));
    const taken = ownNames === -1 ? frames : frames.slice(0, Math.max(1, ownNames));
    const to: SpoolPlace = { file: from.file, at: from.at + taken.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) };
    const runs = taken.flatMap((frame) => frame.runs);
    const records = runs.flatMap((run) => run.records);
    file.oldestMs = taken[0]?.atMs ?? null;
    return {
      from,
      to,
      events: records.length,
      records,
      batches: sent ? batchesOf(records, sent) : ownNames === 0 ? namedRuns(runs) : null,
      isInherited: file.number <= inheritedTo,
      namedAtMs: sent ? sent.atMs : ownNames === 0 ? (taken[0]?.atMs ?? null) : null,
    };
  };

  return {
    name,
    notes,
    append,
    next,
    named: async ({ from, to }, batches, atMs) => {
      const written: WindowNames = {
        from,
        to,
        atMs,
        batches: batches.map((batch) => ({ partition: batch.partition, count: batch.records.length, name: batch.name })),
      };
      isForgotten = false;
      await journal.names(written);
      names = written;
    },
    done: async (window) => {
      isForgotten = false;
      await journal.done(window.to);
      cursor = window.to;
      events -= window.events;
      await forget();
    },
    counts: () => {
      const diskBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
      const drained = files[0]?.number === cursor.file ? cursor.at : 0;
      return { events, bytes: diskBytes - drained, diskBytes, oldestMs: events === 0 ? null : (files[0]?.oldestMs ?? null) };
    },
    close: async () => {
      await writing?.handle.close();
      writing = null;
      await journal.close();
    },
  };
}

const isSame = (a: SpoolPlace, b: SpoolPlace): boolean => a.file === b.file && a.at === b.at;
const isDrained = ({ number, bytes }: SpoolFile, cursor: SpoolPlace): boolean =>
  number < cursor.file || (number === cursor.file && cursor.at >= bytes) || bytes === 0;

const namedRuns = (runs: readonly SpoolRun[]): readonly NamedBatch[] =>
  runs.flatMap(({ partition, records, name }) => (name ? [{ partition, records, name }] : []));

/** The window's records as the batches that they were sent as. */
function batchesOf(records: readonly NewRecord[], { batches }: WindowNames): readonly NamedBatch[] {
  const waiting = new Map<number, NewRecord[]>();
  for (const record of records) {
    const partition = record.partition ?? 0;
    const those = waiting.get(partition) ?? [];
    if (those.length === 0) waiting.set(partition, those);
    those.push(record);
  }
  // None is left of a batch when its file was cut behind damage.
  return batches
    .map(({ partition, count, name }) => ({ partition, records: waiting.get(partition)?.splice(0, count) ?? [], name }))
    .filter((batch) => batch.records.length > 0);
}

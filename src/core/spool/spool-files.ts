/** The files of a slot of the spool: `0000000001.spool` and on, frame behind frame. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import { frameAt, frameBehind, frameHead, type FrameHead } from './spool-frame.js';
import { tailAt } from './spool-tail.js';

export interface SpoolCounts {
  readonly events: number;
  /** Of the events that wait. */
  readonly bytes: number;
  /** When the oldest of them came; null: none waits. */
  readonly oldestMs: number | null;
}

const FILE_NAME = /^(\d{10})\.spool$/;

/** Of the file with this number. */
export const fileName = (number: number): string => `${String(number).padStart(10, '0')}.spool`;

/** The file system's error for a file that is gone: what was in it has been drained. */
export const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Numbers of the spool files in the folder, ascending. */
export const spoolFiles = async (folder: string): Promise<readonly number[]> =>
  (await readdir(folder))
    .flatMap((name) => {
      const match = FILE_NAME.exec(name);
      return match ? [Number(match[1])] : [];
    })
    .toSorted((a, b) => a - b);

export interface FileSurvey extends SpoolCounts {
  /** Behind the last whole frame. */
  readonly endBytes: number;
  /** Where a frame is broken that was whole once; null: nowhere. What is whole behind it is counted all the same. */
  readonly damagedAt: number | null;
  /** Behind the last whole frame: a write that was cut. */
  readonly tornBytes: number;
}

/** A whole frame and where it begins in its file. */
export interface PlacedFrame {
  readonly at: number;
  readonly head: FrameHead;
  /** Of no use once the file has been gone through. */
  readonly bytes: Buffer;
}

/**
 * What waits in one file from `from` on, all of it checked, each whole frame shown to `onFrame`. The file is in memory
 * meanwhile: `fileBytes` of its slot and one append.
 */
export async function surveyFile(
  folder: string,
  number: number,
  from: number,
  onFrame: (frame: PlacedFrame) => void = () => undefined,
): Promise<FileSurvey> {
  const bytes = await readFile(path.join(folder, fileName(number)));
  let at = from;
  let events = 0;
  let oldestMs: number | null = null;
  let damagedAt: number | null = null;
  for (;;) {
    const found = frameAt(bytes, at);
    if (found.kind === 'frame') {
      const head = frameHead(found.bytes);
      onFrame({ at, head, bytes: found.bytes });
      events += head.events;
      oldestMs ??= head.atMs;
      at += head.sizeBytes;
      continue;
    }
    const behind = at < bytes.length ? frameBehind(bytes, at) : null;
    if (behind === null) break;
    damagedAt ??= at;
    at = behind;
  }
  const tail = tailAt(bytes, at);
  if (tail.kind === 'damaged') damagedAt ??= Math.min(at, bytes.length);
  const tornBytes = tail.kind === 'torn' ? tail.bytes : 0;
  return { events, bytes: Math.max(0, at - from), oldestMs, endBytes: at, damagedAt, tornBytes };
}

/** KS_LOG: the file, drained up to `from`, is damaged at this byte. */
export const damagedFile = (folder: string, number: number, at: number, from: number): KeystoneError =>
  new KeystoneError('KS_LOG', `the spool file ${path.join(folder, fileName(number))} is damaged at byte ${at}`, {
    hint: `nothing of its slot is sent meanwhile; ${mendFile(path.join(folder, fileName(number)), at, from)}`,
  });

/** What somebody can do about a damaged file, drained up to `from`: nothing of it is thrown away. */
export function mendFile(file: string, at: number, from: number): string {
  const drain = 'keystone ingest spool drain';
  // A name of its own, for files of this number come again.
  const aside = `${file}.damaged.$(date +%s)`;
  // What is in front of the damage has gone already.
  const rest = at <= from ? `mv ${file} ${aside} && ${drain}` : `cp ${file} ${aside} && truncate -s ${at} ${file} && ${drain}`;
  return `restore the file from a copy, or, while no server has the slot, keep it and send the rest: ${rest}`;
}

/** The files of a slot of the spool: `0000000001.spool` and on, frame behind frame. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import { frameAt, frameHead, hasFrameBehind } from './spool-frame.js';

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

/** Numbers of the spool files in the folder, ascending. */
export const spoolFiles = async (folder: string): Promise<readonly number[]> =>
  (await readdir(folder))
    .flatMap((name) => {
      const match = FILE_NAME.exec(name);
      return match ? [Number(match[1])] : [];
    })
    .toSorted((a, b) => a - b);

/**
 * What waits in one file from `from` on, all of it checked. A torn end is no event; a frame that is broken in front of whole ones is damage.
 * @throws KeystoneError KS_LOG when the file is damaged.
 */
export async function surveyFile(
  folder: string,
  number: number,
  from: number,
): Promise<SpoolCounts & { readonly endBytes: number }> {
  const bytes = await readFile(path.join(folder, fileName(number)));
  let at = from;
  let events = 0;
  let oldestMs: number | null = null;
  for (;;) {
    const found = frameAt(bytes, at);
    if (found.kind !== 'frame') break;
    const head = frameHead(found.bytes);
    events += head.events;
    oldestMs ??= head.atMs;
    at += head.sizeBytes;
  }
  if (at < bytes.length && hasFrameBehind(bytes, at)) {
    throw new KeystoneError('KS_LOG', `the spool file ${path.join(folder, fileName(number))} is damaged at byte ${at}`, {
      hint: 'the disk has lost or changed what was written there: restore the file from a copy, or move its folder aside and keep it; nothing of it is sent meanwhile',
    });
  }
  return { events, bytes: at - from, oldestMs, endBytes: at };
}

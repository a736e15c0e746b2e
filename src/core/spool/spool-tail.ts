/**
 * What lies behind the last whole frame of a spool file. Torn: a write that a crash cut, which nobody was told is kept. Damage: a frame
 * that was whole, and may have been acknowledged. A file that was cut itself looks torn, so a torn end is put aside and never thrown away.
 */
import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm, truncate, unlink } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../errors.js';
import { frameAt, isMarkAt, sizeByHeader } from './spool-frame.js';

export type Tail = { readonly kind: 'none' } | { readonly kind: 'torn' | 'damaged'; readonly bytes: number };

/** `at`: behind the last whole frame of the file `bytes`. */
export function tailAt(bytes: Buffer, at: number): Tail {
  const left = bytes.length - at;
  if (left === 0) return { kind: 'none' };
  // Shorter than what of it is in the log already.
  if (left < 0) return { kind: 'damaged', bytes: 0 };
  const torn: Tail = { kind: 'torn', bytes: left };
  const damaged: Tail = { kind: 'damaged', bytes: left };
  if (bytes.subarray(at).every((byte) => byte === 0)) return torn;
  if (!isMarkAt(bytes, at)) return damaged;
  const found = frameAt(bytes, at);
  if (found.kind !== 'cut') return damaged;
  // The length is written twice, in front and as the sum of the header: where they differ, it is not the end that is missing.
  const size = sizeByHeader(bytes, at);
  return found.sizeBytes === null || size === null || size === found.sizeBytes ? torn : damaged;
}

const ASIDE = /^\d{10}\.spool\.(torn|damaged)/;

export interface AsideFile {
  readonly name: string;
  /** `damaged`: somebody has put a damaged file there. */
  readonly kind: 'torn' | 'damaged';
}

/** What was put aside in the slot. */
export const asideFiles = async (folder: string): Promise<readonly AsideFile[]> =>
  (await readdir(folder)).toSorted().flatMap((name) => {
    const match = ASIDE.exec(name);
    return match ? [{ name, kind: match[1] as AsideFile['kind'] }] : [];
  });

/** How many incidents are kept apart by name. */
const MOST_NAMES = 1000;

/**
 * Copies what lies behind `from` beside the file, on disk before it is cut there. Where there is no room for a copy the file is left as it
 * is. @returns what there is to tell.
 */
export async function putTailAside(
  file: string,
  from: number,
  makeRoom: () => Promise<boolean>,
): Promise<{ readonly isAside: boolean; readonly note: string }> {
  const tail = (await readFile(file)).subarray(from);
  for (;;) {
    try {
      const to = await freeName(file, tail);
      await writeWhole(to, tail);
      await truncate(file, from);
      return { isAside: true, note: `${tail.length} bytes of a torn write at the end of ${file} were put aside in ${to}` };
    } catch (error) {
      if (await makeRoom()) continue;
      const why = messageOf(error);
      return {
        isAside: false,
        note: `${tail.length} bytes of a torn write at the end of ${file} could not be put aside (${why})`,
      };
    }
  }
}

/** For a file whose torn end is still in it: it goes aside as it is. */
export async function putFileAside(file: string): Promise<void> {
  await rename(file, await freeName(file, null));
}

/** A name that holds nothing yet, or the same. */
async function freeName(file: string, content: Buffer | null): Promise<string> {
  for (let n = 1; n < MOST_NAMES; n++) {
    const name = `${file}.torn${n === 1 ? '' : `-${n}`}`;
    const there = await readFile(name).catch(() => null);
    if (there === null || (content !== null && there.equals(content))) return name;
  }
  return `${file}.torn-${randomUUID()}`;
}

async function writeWhole(to: string, content: Buffer): Promise<void> {
  const temporary = `${to}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, to);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  const folder = await open(path.dirname(to), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A file whose events are all in the log. */
export const dropDrained = (file: string, isTailInIt: boolean): Promise<void> => (isTailInIt ? putFileAside(file) : unlink(file));

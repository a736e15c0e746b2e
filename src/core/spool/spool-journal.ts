/**
 * How far a slot of the spool is drained, and under which names what comes next was sent: one checked line of JSON each, in the order
 * of writing. Names are on disk before their batches are sent, so whoever comes after a crash sends the same batches under the same names.
 */
import { open, readFile, rm, truncate, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { BatchName } from '../log/named-appends.js';

/** A byte of a spool file. */
export interface SpoolPlace {
  readonly file: number;
  readonly at: number;
}

export interface WindowNames {
  readonly from: SpoolPlace;
  readonly to: SpoolPlace;
  readonly atMs: number;
  /** In the order in which the records of each partition lie. */
  readonly batches: readonly { readonly partition: number; readonly count: number; readonly name: BatchName }[];
}

export interface JournalState {
  /** Everything before it is in the log. */
  readonly doneTo: SpoolPlace | null;
  /** What was last sent from there, or was about to be. */
  readonly names: WindowNames | null;
}

export interface SpoolJournal {
  /** Resolves once the names survive a crash. */
  names(names: WindowNames): Promise<void>;
  /** Written, not yet forced to disk: at worst the same batches are sent again under their names. */
  done(to: SpoolPlace): Promise<void>;
  /** Forgets everything: nothing waits any more. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

type Entry = ({ readonly kind: 'names' } & WindowNames) | { readonly kind: 'done'; readonly to: SpoolPlace };

const checksum = (json: string): string => crc32(json).toString(16).padStart(8, '0');

/** What is said by lines that are whole; a torn last one says nothing. */
export interface ReadJournal extends JournalState {
  /** Behind the last line that counts. */
  readonly goodBytes: number;
  /** A line is broken in front of whole ones: nothing behind it counts. */
  readonly isDamaged: boolean;
}

/** What the journal says; nothing where there is none. Throws the file system's error. */
export async function readJournal(path: string): Promise<ReadJournal> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  });
  let doneTo: SpoolPlace | null = null;
  let names: WindowNames | null = null;
  let good = 0;
  let isBroken = false;
  for (let at = 0; ;) {
    const end = text.indexOf('\n', at);
    if (end === -1) break;
    const json = text.slice(at + 9, end);
    const isWhole = text.slice(at, at + 8) === checksum(json);
    if (isWhole && isBroken) return { doneTo, names, goodBytes: good, isDamaged: true };
    if (!isWhole) {
      isBroken = true;
      at = end + 1;
      continue;
    }
    const entry = JSON.parse(json) as Entry;
    if (entry.kind === 'done') doneTo = entry.to;
    else names = entry;
    at = end + 1;
    good = at;
  }
  // Plain ASCII: characters are bytes.
  return { doneTo, names, goodBytes: good, isDamaged: false };
}

/** @param reserve frees some room on a full disk; false: there is none left to free. */
export function openJournal(path: string, goodBytes: number, reserve: () => Promise<boolean>): SpoolJournal {
  let file: FileHandle | null = null;
  let length = goodBytes;

  const write = async (entry: Entry): Promise<FileHandle> => {
    const json = JSON.stringify(entry);
    const line = Buffer.from(`${checksum(json)} ${json}\n`, 'latin1');
    for (;;) {
      try {
        if (!file) {
          file = await open(path, 'a+');
          await file.truncate(length);
        }
        await file.appendFile(line);
        length += line.length;
        return file;
      } catch (error) {
        // A line that is half there would hide those behind it.
        await truncate(path, length).catch(() => undefined);
        await file?.close().catch(() => undefined);
        file = null;
        if (!(await reserve())) throw error;
      }
    }
  };

  return {
    names: async (names) => {
      const written = await write({ kind: 'names', ...names });
      await written.datasync();
    },
    done: async (to) => {
      await write({ kind: 'done', to });
    },
    clear: async () => {
      await file?.close();
      file = null;
      length = 0;
      await rm(path, { force: true });
    },
    close: async () => {
      await file?.close();
      file = null;
    },
  };
}

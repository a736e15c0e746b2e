/**
 * The id index of bronze: for each data file a filter over the event ids and the keys of its rows, so that one event is found among
 * thousands of files although random ids leave no bounds to prune by. An index file holds the filters of all data files that one
 * commit landed (one more durable write for a commit, not one for each file); a merged data file has an index file of its own.
 *
 * `bronze/events/index/<commit id or data file name>.ksix`, little endian:
 *   "KSIX" · u32 version 1 · u32 length of the header · header (JSON: files with name, entries, blocks) · zeros up to a multiple of 32 ·
 *   the filters' blocks in the header's order · u32 CRC-32 of all before it
 *
 * It is no part of the table: an index file that is missing or damaged only means that its data files are read instead.
 */
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { addTo, BLOCK_BYTES, blocksFor, hashInto, type HashPair, mayHoldHash } from './split-block-filter.js';

/** What the index knows of one row. */
export interface IndexedRow {
  /** UTF-8. */
  readonly eventId: Uint8Array;
  readonly key: Uint8Array | null;
}

/** The filter of one data file. */
export interface FileFilter {
  /** The data file's name, without folders. */
  readonly name: string;
  readonly entries: number;
  /** Blocks of 8 words. */
  readonly words: Int32Array;
}

const SEEDS = { eventId: 1, key: 2 } as const;
export type IndexedColumn = keyof typeof SEEDS;

const MAGIC = 0x5849534b; // "KSIX"
const VERSION = 1;
const FIXED_BYTES = 12;
const CRC_BYTES = 4;

const header = z.object({
  files: z.array(
    z.object({ name: z.string(), entries: z.number().int().nonnegative(), blocks: z.number().int().positive().max(50_000_000) }),
  ),
});

/** Entries that `rows` will make: sizes the filter. */
const entriesOf = (rows: readonly IndexedRow[]): number => rows.reduce((sum, row) => sum + (row.key === null ? 1 : 2), 0);

/** An empty filter for `entries` entries, and what adds a row to it: for data files too large to hold their ids at once. */
export function growingFilter(
  name: string,
  entries: number,
): { readonly filter: FileFilter; readonly add: (row: IndexedRow) => void } {
  const words = new Int32Array(blocksFor(entries) * (BLOCK_BYTES / 4));
  const pair: HashPair = { high: 0, low: 0 };
  return {
    filter: { name, entries, words },
    add: ({ eventId, key }) => {
      hashInto(pair, eventId, SEEDS.eventId);
      addTo(words, pair);
      if (key === null) return;
      hashInto(pair, key, SEEDS.key);
      addTo(words, pair);
    },
  };
}

/** The filter over all of a data file's rows. */
export function filterOf(name: string, rows: readonly IndexedRow[]): FileFilter {
  const { filter, add } = growingFilter(name, entriesOf(rows));
  for (const row of rows) add(row);
  return filter;
}

/** False: no row of the data file has this event id (or key). */
export function mayHold(filter: FileFilter, column: IndexedColumn, value: Uint8Array): boolean {
  const pair: HashPair = { high: 0, low: 0 };
  hashInto(pair, value, SEEDS[column]);
  return mayHoldHash(filter.words, pair);
}

export function encodeIdIndex(filters: readonly FileFilter[]): Uint8Array {
  const text = Buffer.from(
    JSON.stringify({ files: filters.map(({ name, entries, words }) => ({ name, entries, blocks: blocksIn(words) })) }),
    'utf8',
  );
  const start = blocksStart(text.length);
  const size = start + filters.reduce((sum, { words }) => sum + words.byteLength, 0);
  const bytes = Buffer.alloc(size + CRC_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(VERSION, 4);
  bytes.writeUInt32LE(text.length, 8);
  text.copy(bytes, FIXED_BYTES);
  let at = start;
  for (const { words } of filters) {
    for (let word = 0; word < words.length; word++) bytes.writeInt32LE(words[word] as number, at + 4 * word);
    at += words.byteLength;
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, size)) >>> 0, size);
  return bytes;
}

/** null: these bytes are no id index, or were damaged. A filter with a lost bit would deny what is there, so the sum is checked. */
export function decodeIdIndex(stored: Uint8Array): readonly FileFilter[] | null {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const size = bytes.length - CRC_BYTES;
  if (size < FIXED_BYTES || bytes.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== VERSION) return null;
  if (crc32(bytes.subarray(0, size)) >>> 0 !== bytes.readUInt32LE(size)) return null;
  const textLength = bytes.readUInt32LE(8);
  const read = header.safeParse(jsonOrNull(bytes.toString('utf8', FIXED_BYTES, FIXED_BYTES + textLength)));
  if (!read.success) return null;
  const filters: FileFilter[] = [];
  let at = blocksStart(textLength);
  for (const { name, entries, blocks } of read.data.files) {
    const end = at + blocks * BLOCK_BYTES;
    if (end > size) return null;
    filters.push({ name, entries, words: wordsOf(bytes.subarray(at, end)) });
    at = end;
  }
  return at === size ? filters : null;
}

const blocksIn = (words: Int32Array): number => words.byteLength / BLOCK_BYTES;

const blocksStart = (textLength: number): number => Math.ceil((FIXED_BYTES + textLength) / BLOCK_BYTES) * BLOCK_BYTES;

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** A view where the machine and the alignment allow one. */
function wordsOf(bytes: Buffer): Int32Array {
  if (IS_LITTLE_ENDIAN && bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return Int32Array.from({ length: bytes.length / 4 }, (_, word) => bytes.readInt32LE(4 * word));
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/**
 * Bytes of one append in a spool file: a mark, the length, a checksum, then a header in JSON and the records of each partition as
 * `log/record-chunk.ts` lays them out. A crash can leave only the last one of a file torn (`spool-tail.ts`).
 */
import { crc32 } from 'node:zlib';
import type { LogRecord, NewRecord } from '../log/event-log.js';
import type { BatchName } from '../log/named-appends.js';
import { decodeChunk, encodeChunk } from '../log/record-chunk.js';

/** Records of one partition; with a name they were sent as one batch under it, and may be in the log. */
export interface SpoolRun {
  readonly partition: number;
  readonly records: readonly NewRecord[];
  readonly name: BatchName | null;
}

export interface SpoolFrame {
  /** When it was spooled. */
  readonly atMs: number;
  readonly runs: readonly SpoolRun[];
}

/** What stands in front: how many events, without decoding them. */
export interface FrameHead {
  readonly atMs: number;
  readonly events: number;
  /** In the order of the runs. */
  readonly runs: readonly { readonly partition: number; readonly count: number; readonly name: BatchName | null }[];
  /** With everything in front. */
  readonly sizeBytes: number;
}

interface Header {
  readonly atMs: number;
  readonly runs: readonly {
    readonly partition: number;
    readonly count: number;
    readonly bytes: number;
    readonly name?: BatchName;
  }[];
}

/** `KSF1`. */
const MARK = Buffer.from('KSF1', 'latin1');
/** Mark, length, checksum. */
const FRONT_BYTES = 12;

export function encodeFrame({ atMs, runs }: SpoolFrame): Buffer {
  const chunks = runs.map(({ records }) => encodeChunk(records));
  const header: Header = {
    atMs,
    runs: runs.map(({ partition, records, name }, n) => ({
      partition,
      count: records.length,
      bytes: chunks[n]!.length,
      ...(name ? { name } : {}),
    })),
  };
  const json = Buffer.from(JSON.stringify(header), 'utf8');
  const front = Buffer.alloc(FRONT_BYTES + 4);
  front.writeUInt32LE(json.length, FRONT_BYTES);
  const frame = Buffer.concat([front, json, ...chunks]);
  MARK.copy(frame);
  frame.writeUInt32LE(frame.length - FRONT_BYTES, 4);
  frame.writeUInt32LE(crc32(frame.subarray(FRONT_BYTES)), 8);
  return frame;
}

export type FrameAt =
  | { readonly kind: 'frame'; readonly bytes: Buffer }
  /** It is longer than what is there; `sizeBytes` is its length, null: not even that can be told. */
  | { readonly kind: 'cut'; readonly sizeBytes: number | null }
  | { readonly kind: 'broken' };

/** The frame that begins at `at`. */
export function frameAt(bytes: Buffer, at: number): FrameAt {
  if (bytes.length - at < FRONT_BYTES) return { kind: 'cut', sizeBytes: null };
  if (!bytes.subarray(at, at + MARK.length).equals(MARK)) return { kind: 'broken' };
  const length = bytes.readUInt32LE(at + 4);
  const end = at + FRONT_BYTES + length;
  if (end > bytes.length) return { kind: 'cut', sizeBytes: FRONT_BYTES + length };
  if (crc32(bytes.subarray(at + FRONT_BYTES, end)) !== bytes.readUInt32LE(at + 8)) return { kind: 'broken' };
  return { kind: 'frame', bytes: bytes.subarray(at, end) };
}

/** Whether a frame's mark, or as much of it as there is, lies at `at`. */
export const isMarkAt = (bytes: Buffer, at: number): boolean => {
  const found = bytes.subarray(at, at + MARK.length);
  return found.equals(MARK.subarray(0, found.length));
};

/** How long the frame at `at` is by what its header says, not by its length; null: the header is not whole, -1: it says nothing. */
export function sizeByHeader(bytes: Buffer, at: number): number | null {
  const from = at + FRONT_BYTES + 4;
  if (bytes.length < from) return null;
  const end = from + bytes.readUInt32LE(at + FRONT_BYTES);
  if (end > bytes.length) return null;
  try {
    const { runs } = JSON.parse(bytes.subarray(from, end).toString('utf8')) as Header;
    return runs.reduce((sum, run) => sum + run.bytes, end - at);
  } catch {
    return -1;
  }
}

/** Where the next whole frame behind `at` begins: then what lies at `at` is damage. Null: there is none, and `tailAt` tells what it is. */
export function frameBehind(bytes: Buffer, at: number): number | null {
  for (let from = bytes.indexOf(MARK, at + 1); from !== -1; from = bytes.indexOf(MARK, from + 1))
    if (frameAt(bytes, from).kind === 'frame') return from;
  return null;
}

const headerOf = (frame: Buffer): { readonly header: Header; readonly end: number } => {
  const end = FRONT_BYTES + 4 + frame.readUInt32LE(FRONT_BYTES);
  return { header: JSON.parse(frame.subarray(FRONT_BYTES + 4, end).toString('utf8')) as Header, end };
};

/** `frame` is whole and checked. */
export function frameHead(frame: Buffer): FrameHead {
  const { header } = headerOf(frame);
  const runs = header.runs.map(({ partition, count, name }) => ({ partition, count, name: name ?? null }));
  return { atMs: header.atMs, events: runs.reduce((sum, run) => sum + run.count, 0), runs, sizeBytes: frame.length };
}

/** Keys and values are views into `frame`. */
export function decodeFrame(frame: Buffer): SpoolFrame {
  const { header, end } = headerOf(frame);
  let at = end;
  const runs = header.runs.map(({ partition, count, bytes, name }): SpoolRun => {
    const found: LogRecord[] = [];
    const place = {
      byteOffset: frame.byteOffset + at,
      byteLength: bytes,
      baseOffset: 0,
      recordCount: count,
      timestampUs: 0,
    };
    decodeChunk(
      frame.buffer as ArrayBuffer,
      place,
      { topic: '', partition, fromOffset: 0 },
      { records: count, bytes: Infinity },
      found,
    );
    at += bytes;
    const records = found.map(({ key, value, headers }): NewRecord => ({ partition, key, value, headers }));
    return { partition, records, name: name ?? null };
  });
  return { atMs: header.atMs, runs };
}

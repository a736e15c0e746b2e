/**
 * The bytes of neighbouring records of one partition, as the embedded log stores them: one SQLite row per chunk instead of one
 * per record, which makes appends and reads several times faster.
 *
 * Layout (varints are LEB128, unsigned): format byte 1 · number of header names · each name (length, UTF-8) · each record: key
 * (length + 1, or 0 for null), value (likewise), number of headers, each header (index of its name, length, bytes).
 * Offsets and the timestamp are columns of the row.
 */
import type { LogHeader, LogRecord, NewRecord } from './event-log.js';

const FORMAT = 1;
/** A chunk is closed when it holds this many bytes, so a reader that wants little does not pay for much. */
export const CHUNK_BYTES = 256 * 1024;

const varintSize = (value: number): number => {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
};

/** An upper bound of what the record adds to a chunk, its header names aside. */
export function recordBytes(record: NewRecord): number {
  let bytes = 15 + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const header of record.headers) bytes += 10 + header.value.length;
  return bytes;
}

/** Encodes records (all of one partition, in offset order). */
export function encodeChunk(records: readonly NewRecord[]): Uint8Array {
  const names = new Map<string, number>();
  const nameBytes: Buffer[] = [];
  let size = 1;
  for (const record of records) {
    size += recordBytes(record);
    for (const { key } of record.headers) {
      if (names.has(key)) continue;
      names.set(key, names.size);
      const bytes = Buffer.from(key, 'utf8');
      nameBytes.push(bytes);
      size += 5 + bytes.length;
    }
  }
  const target = new Uint8Array(size + varintSize(names.size));
  let at = 0;
  const putVarint = (value: number): void => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) target[at++] = (rest % 128) | 0x80;
    target[at++] = rest;
  };
  const putBytes = (bytes: Uint8Array): void => {
    target.set(bytes, at);
    at += bytes.length;
  };
  target[at++] = FORMAT;
  putVarint(nameBytes.length);
  for (const bytes of nameBytes) {
    putVarint(bytes.length);
    putBytes(bytes);
  }
  for (const { key, value, headers } of records) {
    putVarint(key === null ? 0 : key.length + 1);
    if (key !== null) putBytes(key);
    putVarint(value === null ? 0 : value.length + 1);
    if (value !== null) putBytes(value);
    putVarint(headers.length);
    for (const header of headers) {
      putVarint(names.get(header.key)!);
      putVarint(header.value.length);
      putBytes(header.value);
    }
  }
  return target.subarray(0, at);
}

/** Where a chunk lies in a buffer, and what its row says about it. */
export interface ChunkPlace {
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly timestampUs: number;
}

/** How many records and how many of their bytes may still be taken; at least one record is, whatever its size. */
export interface ReadBudget {
  records: number;
  bytes: number;
}

/**
 * Decodes the records of a chunk from `fromOffset` on into `into`, and takes them off `budget`; returns false when the budget ended
 * before the chunk did. Keys, values and header values are views into `buffer`: no byte is copied, and a record that is kept
 * keeps the whole buffer of its read alive. Throws RangeError when the bytes are no chunk.
 */
export function decodeChunk(
  buffer: ArrayBuffer,
  place: ChunkPlace,
  origin: { readonly topic: string; readonly partition: number; readonly fromOffset: number },
  budget: ReadBudget,
  into: LogRecord[],
): boolean {
  const bytes = new Uint8Array(buffer, place.byteOffset, place.byteLength);
  let at = 0;
  const takeVarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError(`the chunk at offset ${place.baseOffset} is truncated`);
      if (byte < 0x80) return value + byte * scale;
      value += (byte & 0x7f) * scale;
    }
  };
  const takeBytes = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new RangeError(`the chunk at offset ${place.baseOffset} is truncated`);
    const taken = new Uint8Array(buffer, place.byteOffset + at, length);
    at += length;
    return taken;
  };
  if (bytes[at++] !== FORMAT) throw new RangeError(`the chunk at offset ${place.baseOffset} has an unknown format`);
  const names: string[] = [];
  for (let left = takeVarint(); left > 0; left--) names.push(Buffer.from(takeBytes(takeVarint())).toString('utf8'));
  const standsHere = (value: Uint8Array): boolean => {
    for (let n = 0; n < value.length; n++) if (bytes[at + n] !== value[n]) return false;
    return true;
  };
  let before: readonly LogHeader[] = [];
  /** A header that is as in the record before is that very object: most are, and a view each would be most of the garbage. */
  const takeHeaders = (): readonly LogHeader[] => {
    const headers: LogHeader[] = [];
    for (let left = takeVarint(); left > 0; left--) {
      const key = names[takeVarint()];
      if (key === undefined) throw new RangeError(`the chunk at offset ${place.baseOffset} names an unknown header`);
      const length = takeVarint();
      const last = before[headers.length];
      if (last?.key === key && last.value.length === length && standsHere(last.value)) {
        headers.push(last);
        at += length;
      } else headers.push({ key, value: takeBytes(length) });
    }
    before = headers;
    return headers;
  };
  const { topic, partition, fromOffset } = origin;
  for (let n = 0; n < place.recordCount; n++) {
    const start = at;
    const offset = place.baseOffset + n;
    const keyLength = takeVarint();
    const key = keyLength === 0 ? null : takeBytes(keyLength - 1);
    const valueLength = takeVarint();
    const value = valueLength === 0 ? null : takeBytes(valueLength - 1);
    const headers = takeHeaders();
    if (offset < fromOffset) continue;
    if (budget.records <= 0 || (into.length > 0 && at - start > budget.bytes)) return false;
    budget.records -= 1;
    budget.bytes -= at - start;
    into.push({ topic, partition, offset, timestampUs: place.timestampUs, key, value, headers });
  }
  return true;
}

/**
 * Kafka's record batches (magic 2), byte for byte. kafkajs keeps headers as an object, which loses their order among different names,
 * and tells nothing of a batch whose last records were compacted away, behind which a reader would stand still.
 * Format: https://kafka.apache.org/documentation/#recordbatch
 */
import { KeystoneError } from '../../errors.js';
import type { LogHeader, LogRecord, NewRecord } from '../event-log.js';
import { claimedTimeHeader, isLogTimeMs, nearestLogTimeUs } from '../log-time.js';
import { CODEC_NAMES, decompressBatch, type BatchCompressor } from './batch-codecs.js';
import { crc32c } from './crc32c.js';
import { safeOffset, wireReader, type WireReader } from './wire.js';

/** Bytes of a batch before its first record. */
export const BATCH_OVERHEAD = 61;
/** Where the checksummed part begins: at the attributes. */
const CHECKED_FROM = 21;
/** Base offset and length: what stands before the bytes that the length counts. */
const LENGTH_END = 12;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const ABORT_MARKER = 0;

export interface BatchHead {
  readonly baseOffset: number;
  /** Of the batch as it was written; records before it may have been compacted away. */
  readonly lastOffset: number;
  readonly attributes: number;
  readonly baseTimestampMs: bigint;
  readonly maxTimestampMs: bigint;
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly recordCount: number;
  readonly transactional: boolean;
  readonly control: boolean;
  /** With the head. */
  readonly sizeBytes: number;
}

/** Whose turn a batch is. */
export interface BatchProducer {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
}

const utf8Length = (text: string): number => Buffer.byteLength(text, 'utf8');
const zigzagLength = (value: number): number => {
  let bytes = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
};
const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const bytesLength = (value: Uint8Array | null): number => (value === null ? 1 : zigzagLength(value.length) + value.length);

/** Bytes of one record without its own length; attributes and time difference take one byte each. */
function bodyLength(record: NewRecord, offsetDelta: number): number {
  let bytes = 2 + zigzagLength(offsetDelta) + bytesLength(record.key) + bytesLength(record.value);
  bytes += zigzagLength(record.headers.length);
  for (const { key, value } of record.headers) {
    const length = utf8Length(key);
    bytes += zigzagLength(length) + length + bytesLength(value);
  }
  return bytes;
}

/** An upper bound of what the record takes in a batch. */
export const batchedBytes = (record: NewRecord): number => bodyLength(record, 0) + 10;

/** One batch; every record has the time `timestampMs`. It is left uncompressed where that is no larger. */
export function encodeBatch(
  records: readonly NewRecord[],
  producer: BatchProducer,
  timestampMs: number,
  compressor: BatchCompressor | null = null,
): Buffer {
  const plain = plainBatch(records, producer, timestampMs);
  const packed = compressor?.compress(plain.subarray(BATCH_OVERHEAD));
  if (!compressor || !packed || packed.length >= plain.length - BATCH_OVERHEAD) return checked(plain);
  const out = Buffer.concat([plain.subarray(0, BATCH_OVERHEAD), packed]);
  out.writeInt32BE(out.length - LENGTH_END, 8);
  out.writeInt16BE(compressor.number, 21);
  return checked(out);
}

function checked(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch, CHECKED_FROM), 17);
  return batch;
}

/** Without its checksum. */
function plainBatch(records: readonly NewRecord[], producer: BatchProducer, timestampMs: number): Buffer {
  const lengths = records.map(bodyLength);
  const size = lengths.reduce((sum, length) => sum + zigzagLength(length) + length, BATCH_OVERHEAD);
  const out = Buffer.allocUnsafe(size);
  const time = BigInt(timestampMs);
  out.writeBigInt64BE(0n, 0);
  out.writeInt32BE(size - LENGTH_END, 8);
  out.writeInt32BE(-1, 12);
  out.writeInt8(2, 16);
  out.writeInt16BE(0, 21);
  out.writeInt32BE(records.length - 1, 23);
  out.writeBigInt64BE(time, 27);
  out.writeBigInt64BE(time, 35);
  out.writeBigInt64BE(producer.producerId, 43);
  out.writeInt16BE(producer.producerEpoch, 51);
  out.writeInt32BE(producer.firstSequence, 53);
  out.writeInt32BE(records.length, 57);
  let at = BATCH_OVERHEAD;
  const varint = (value: number): void => {
    let rest = zigzag(value);
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out[at++] = (rest % 0x80) | 0x80;
    out[at++] = rest;
  };
  const bytes = (value: Uint8Array | null): void => {
    varint(value === null ? -1 : value.length);
    if (value === null) return;
    out.set(value, at);
    at += value.length;
  };
  records.forEach((record, n) => {
    varint(lengths[n]!);
    out[at++] = 0;
    varint(0);
    varint(n);
    bytes(record.key);
    bytes(record.value);
    varint(record.headers.length);
    for (const { key, value } of record.headers) {
      varint(utf8Length(key));
      at += out.write(key, at, 'utf8');
      bytes(value);
    }
  });
  return out;
}

/** The head of the batch at `at`, null when the bytes end before the batch does. Throws KS_LOG when it is damaged or of an older format. */
export function batchHead(bytes: Buffer, at: number, what: string): BatchHead | null {
  if (bytes.length - at < BATCH_OVERHEAD) return null;
  const magic = bytes.readInt8(at + 16);
  if (magic !== 2) {
    throw new KeystoneError('KS_LOG', `${what} holds records in the old message format ${magic}`, {
      hint: 'Kafka 0.11 and later write the format that is read here: copy the topic with a newer producer.',
    });
  }
  const sizeBytes = LENGTH_END + bytes.readInt32BE(at + 8);
  if (sizeBytes < BATCH_OVERHEAD) throw damaged(what, 'its length is damaged');
  if (bytes.length - at < sizeBytes) return null;
  const baseOffset = safeOffset(bytes.readBigInt64BE(at));
  const attributes = bytes.readInt16BE(at + 21);
  return {
    baseOffset,
    lastOffset: baseOffset + bytes.readInt32BE(at + 23),
    attributes,
    baseTimestampMs: bytes.readBigInt64BE(at + 27),
    maxTimestampMs: bytes.readBigInt64BE(at + 35),
    producerId: bytes.readBigInt64BE(at + 43),
    producerEpoch: bytes.readInt16BE(at + 51),
    firstSequence: bytes.readInt32BE(at + 53),
    recordCount: bytes.readInt32BE(at + 57),
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    sizeBytes,
  };
}

/** The batch's records in offset order. Throws KS_LOG when the checksum does not fit or the records can't be read. */
export async function batchRecords(
  bytes: Buffer,
  at: number,
  head: BatchHead,
  place: { readonly topic: string; readonly partition: number },
): Promise<readonly LogRecord[]> {
  const what = `${place.topic}/${place.partition} at offset ${head.baseOffset}`;
  const end = at + head.sizeBytes;
  if (crc32c(bytes, at + CHECKED_FROM, end) !== bytes.readUInt32BE(at + 17)) throw damaged(what, 'its checksum does not fit');
  const codec = CODEC_NAMES[head.attributes & 7];
  if (codec === undefined) throw damaged(what, `codec ${head.attributes & 7} is unknown`);
  const body = await decompressBatch(codec, bytes.subarray(at + BATCH_OVERHEAD, end), what);
  const reader = wireReader(body);
  const blob = (): Uint8Array | null => {
    const length = reader.varint();
    if (length < 0) return null;
    const from = reader.at();
    reader.skip(length);
    // Without Buffer's own subarray, which costs twice as much: there are several for each record.
    return new Uint8Array(body.buffer, body.byteOffset + from, length);
  };
  const headerOf = headerReader(body, reader, blob);
  const { topic, partition } = place;
  const timeOf = timeReader(body, reader, head);
  try {
    const records: LogRecord[] = [];
    for (let n = 0; n < head.recordCount; n++) {
      const next = reader.varint() + reader.at();
      reader.int8();
      const timeMs = timeOf();
      const offset = head.baseOffset + reader.varint();
      const key = blob();
      const value = blob();
      const headers: LogHeader[] = [];
      const count = reader.varint();
      for (let at = 0; at < count; at++) headers.push(headerOf(at));
      if (reader.at() !== next) throw new RangeError(`record ${n} has another length than it says`);
      let timestampUs: number;
      if (typeof timeMs === 'bigint') {
        timestampUs = nearestLogTimeUs(timeMs);
        headers.push(claimedTimeHeader(timeMs));
      } else timestampUs = timeMs * 1000;
      records.push({ topic, partition, offset, timestampUs, key, value, headers });
    }
    return records;
  } catch (cause) {
    if (cause instanceof RangeError) throw damaged(what, cause.message, cause);
    throw cause;
  }
}

/**
 * Reads the next record's time in milliseconds: a number where it is a log time, else what it is, exactly. Bigints cost many times as
 * much as numbers, so they are made only where the numbers leave what is exact.
 */
function timeReader(body: Buffer, reader: WireReader, head: BatchHead): () => number | bigint {
  const isAppendTime = (head.attributes & LOG_APPEND_TIME) !== 0;
  const given = isAppendTime ? head.maxTimestampMs : head.baseTimestampMs;
  const base = Number(given);
  const isExact = Number.isSafeInteger(base);
  return () => {
    const from = reader.at();
    const difference = reader.longNumber();
    const ms = isAppendTime ? base : base + difference;
    if (isExact && Number.isSafeInteger(difference) && isLogTimeMs(ms)) return ms;
    // As Java adds: around the end of 64 bits.
    const exact = isAppendTime ? given : BigInt.asIntN(64, given + wireReader(body, from).varlong());
    const number = Number(exact);
    return isLogTimeMs(number) ? number : exact;
  };
}

/** Where a header stands in the body of a batch, and what it is. */
interface ReadHeader {
  readonly from: number;
  readonly nameEnd: number;
  readonly end: number;
  readonly header: LogHeader;
}

/**
 * Reads the next header, which is the `index`th of its record. Most are as in the record before, byte for byte with their lengths: such
 * a header is that very object, and of another value the name is taken over. Decoding all of them anew cost more than all the rest.
 */
function headerReader(body: Buffer, reader: WireReader, blob: () => Uint8Array | null): (index: number) => LogHeader {
  const before: ReadHeader[] = [];
  const standsAgain = (from: number, end: number, here: number): boolean => {
    for (let at = from; at < end; at++) if (body[at] !== body[here + at - from]) return false;
    return true;
  };
  return (index) => {
    const from = reader.at();
    const last = before[index];
    const sameName = last !== undefined && standsAgain(last.from, last.nameEnd, from);
    if (sameName && standsAgain(last.nameEnd, last.end, from + last.nameEnd - last.from)) {
      reader.skip(last.end - last.from);
      return last.header;
    }
    let key: string;
    if (sameName) {
      reader.skip(last.nameEnd - last.from);
      key = last.header.key;
    } else key = Buffer.from(blob() ?? []).toString('utf8');
    const nameEnd = reader.at();
    // Kafka knows null here, the port does not.
    const header = { key, value: blob() ?? new Uint8Array(0) };
    before[index] = { from, nameEnd, end: reader.at(), header };
    return header;
  };
}

/** Of a control batch: whether it ends a transaction by throwing its records away. */
export async function isAbortMarker(bytes: Buffer, at: number, head: BatchHead, what: string): Promise<boolean> {
  const [marker] = await batchRecords(bytes, at, head, { topic: what, partition: 0 });
  return marker?.key != null && marker.key.length >= 4 && ((marker.key[2]! << 8) | marker.key[3]!) === ABORT_MARKER;
}

function damaged(what: string, why: string, cause?: unknown): KeystoneError {
  return new KeystoneError('KS_LOG', `the batch of ${what} is damaged: ${why}`, {
    hint: 'read again: if it stays, the broker holds it so; kafka-dump-log.sh shows it',
    cause,
  });
}

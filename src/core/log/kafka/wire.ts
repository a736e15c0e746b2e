/** Kafka's primitive types, read and written (https://kafka.apache.org/protocol#protocol_types). */
import { KeystoneError } from '../../errors.js';

/** A 64-bit offset as a number; throws KS_LOG beyond 2^53. */
export function safeOffset(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new KeystoneError('KS_LOG', `Kafka offset ${value} does not fit: offsets are whole numbers up to 2^53`);
}

export interface WireReader {
  readonly at: () => number;
  readonly left: () => number;
  readonly skip: (bytes: number) => void;
  readonly int8: () => number;
  readonly int16: () => number;
  readonly int32: () => number;
  readonly int64: () => bigint;
  readonly uvarint: () => number;
  /** Zigzag. */
  readonly varint: () => number;
  readonly varlong: () => bigint;
  /** A varlong as a number; rounded beyond 2^53. */
  readonly longNumber: () => number;
  /** A view, not a copy. */
  readonly bytes: (length: number) => Buffer;
  /** INT16 length; null at -1. */
  readonly string: () => string | null;
  /** COMPACT_NULLABLE_STRING. */
  readonly compactString: () => string | null;
  /** INT32 length. */
  readonly array: <T>(item: () => T) => T[];
  readonly compactArray: <T>(item: () => T) => T[];
  /** Tagged fields, which are not read. */
  readonly skipTags: () => void;
}

/** Throws a RangeError where the bytes end too early. */
export function wireReader(buffer: Buffer, start = 0): WireReader {
  let at = start;
  const ended = (): never => {
    throw new RangeError(`the bytes end at ${buffer.length}`);
  };
  const advance = (bytes: number): number => {
    const from = at;
    if (bytes < 0 || from + bytes > buffer.length) ended();
    at = from + bytes;
    return from;
  };
  const uvarint = (): number => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      if (at >= buffer.length) ended();
      const byte = buffer[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a varint is longer than five bytes');
  };
  const bytes = (length: number): Buffer => {
    const from = advance(length);
    return buffer.subarray(from, from + length);
  };
  const items = <T>(count: number, item: () => T): T[] => {
    if (count > buffer.length - at) ended();
    const all: T[] = [];
    for (let n = 0; n < count; n++) all.push(item());
    return all;
  };
  const reader: WireReader = {
    at: () => at,
    left: () => buffer.length - at,
    skip: (count) => void advance(count),
    int8: () => buffer.readInt8(advance(1)),
    int16: () => buffer.readInt16BE(advance(2)),
    int32: () => buffer.readInt32BE(advance(4)),
    int64: () => buffer.readBigInt64BE(advance(8)),
    uvarint,
    varint: () => {
      const raw = uvarint() >>> 0;
      return (raw >>> 1) ^ -(raw & 1);
    },
    varlong: () => {
      let value = 0n;
      for (let shift = 0n; shift <= 63n; shift += 7n) {
        if (at >= buffer.length) ended();
        const byte = buffer[at++]!;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
      }
      throw new RangeError('a varlong is longer than ten bytes');
    },
    longNumber: () => {
      const from = at;
      let value = 0;
      // Seven bytes are exact as a number, and nearly always enough; bigints cost many times as much.
      for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
        if (at >= buffer.length) ended();
        const byte = buffer[at++]!;
        value += (byte & 0x7f) * scale;
        if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      }
      at = from;
      return Number(reader.varlong());
    },
    bytes,
    string: () => {
      const length = reader.int16();
      return length < 0 ? null : bytes(length).toString('utf8');
    },
    compactString: () => {
      const length = uvarint();
      return length === 0 ? null : bytes(length - 1).toString('utf8');
    },
    array: (item) => items(Math.max(0, reader.int32()), item),
    compactArray: (item) => items(Math.max(0, uvarint() - 1), item),
    skipTags: () => {
      for (let count = uvarint(); count > 0; count--) {
        uvarint();
        advance(uvarint());
      }
    },
  };
  return reader;
}

/** Pieces of a request, joined once. */
export interface WireWriter {
  readonly int8: (value: number) => WireWriter;
  readonly int16: (value: number) => WireWriter;
  readonly int32: (value: number) => WireWriter;
  readonly int64: (value: number | bigint) => WireWriter;
  readonly uvarint: (value: number) => WireWriter;
  readonly bytes: (value: Uint8Array) => WireWriter;
  /** INT16 length. */
  readonly string: (value: string | null) => WireWriter;
  readonly compactString: (value: string) => WireWriter;
  readonly joined: () => Buffer;
}

export function wireWriter(): WireWriter {
  const pieces: Uint8Array[] = [];
  const number = (bytes: number, write: (buffer: Buffer) => void): WireWriter => {
    const buffer = Buffer.allocUnsafe(bytes);
    write(buffer);
    pieces.push(buffer);
    return writer;
  };
  const writer: WireWriter = {
    int8: (value) => number(1, (buffer) => buffer.writeInt8(value)),
    int16: (value) => number(2, (buffer) => buffer.writeInt16BE(value)),
    int32: (value) => number(4, (buffer) => buffer.writeInt32BE(value)),
    int64: (value) => number(8, (buffer) => buffer.writeBigInt64BE(BigInt(value))),
    uvarint: (value) => {
      const all: number[] = [];
      let rest = value;
      for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) all.push((rest % 0x80) | 0x80);
      pieces.push(Uint8Array.from([...all, rest]));
      return writer;
    },
    bytes: (value) => {
      pieces.push(value);
      return writer;
    },
    string: (value) => {
      if (value === null) return writer.int16(-1);
      const text = Buffer.from(value, 'utf8');
      return writer.int16(text.length).bytes(text);
    },
    compactString: (value) => {
      const text = Buffer.from(value, 'utf8');
      return writer.uvarint(text.length + 1).bytes(text);
    },
    joined: () => Buffer.concat(pieces),
  };
  return writer;
}

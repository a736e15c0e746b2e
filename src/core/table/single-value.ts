/**
 * Iceberg's single-value serialization (https://iceberg.apache.org/spec/#binary-single-value-serialization), in which metrics
 * bounds and partition summaries are stored, and the order of its values.
 */
import { decimalOf } from './iceberg-type.js';
import type { IcebergPrimitive } from './table-api.js';

/**
 * boolean → boolean; int, date (days since 1970) → number; long, timestamp (µs since 1970) → bigint; float, double → number;
 * decimal → bigint (unscaled: 12.50 in decimal(12,2) is 1250n); string → string; binary → Uint8Array.
 */
export type SingleValue = boolean | number | bigint | string | Uint8Array;

/** Characters of a string, or bytes of a binary, that a bound keeps, as other engines do. */
const BOUND_LENGTH = 16;

const fixed = (size: number, write: (bytes: Buffer) => unknown): Uint8Array => {
  const bytes = Buffer.alloc(size);
  write(bytes);
  return bytes;
};

/** Exact bytes of one value; integers may come as number or bigint. */
export function encodeValue(type: IcebergPrimitive, value: SingleValue): Uint8Array {
  switch (type) {
    case 'boolean':
      return Uint8Array.of(value ? 1 : 0);
    case 'int':
    case 'date':
      return fixed(4, (bytes) => bytes.writeInt32LE(Number(value)));
    case 'long':
    case 'timestamp':
      return fixed(8, (bytes) => bytes.writeBigInt64LE(BigInt(value as number | bigint)));
    case 'float':
      return fixed(4, (bytes) => bytes.writeFloatLE(Number(value)));
    case 'double':
      return fixed(8, (bytes) => bytes.writeDoubleLE(Number(value)));
    case 'string':
      return Buffer.from(String(value), 'utf8');
    case 'binary':
      return value as Uint8Array;
    default:
      return encodeDecimal(BigInt(value as number | bigint));
  }
}

/** The value of `encodeValue`'s bytes. */
export function decodeBound(type: IcebergPrimitive, stored: Uint8Array): SingleValue {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  switch (type) {
    case 'boolean':
      return bytes[0] === 1;
    case 'int':
    case 'date':
      return bytes.readInt32LE();
    // An int bound stays four bytes wide when its column became long, and a float's when it became double.
    case 'long':
      return bytes.length === 4 ? BigInt(bytes.readInt32LE()) : bytes.readBigInt64LE();
    case 'timestamp':
      return bytes.readBigInt64LE();
    case 'float':
      return bytes.readFloatLE();
    case 'double':
      return bytes.length === 4 ? bytes.readFloatLE() : bytes.readDoubleLE();
    case 'string':
      return bytes.toString('utf8');
    case 'binary':
      return stored;
    default:
      return decodeDecimal(bytes);
  }
}

/**
 * A lower or upper bound of a column: strings keep 16 characters, binaries 16 bytes, an upper one raised so that it stays
 * above. null: there is no such bound (NaN, or an upper one that can't be raised); leaving it out is always correct.
 */
export function encodeBound(type: IcebergPrimitive, value: SingleValue, side: 'lower' | 'upper'): Uint8Array | null {
  if (typeof value === 'number' && Number.isNaN(value)) return null;
  if (typeof value === 'string') {
    const bound = truncatedText(value, side);
    return bound === null ? null : Buffer.from(bound, 'utf8');
  }
  if (value instanceof Uint8Array) return truncatedBytes(value, side);
  return encodeValue(type, value);
}

/** Longest text that bounds keep whole when it is the only value. */
const ONE_VALUE_LENGTH = 256;

/** Both bounds of a column whose least and greatest value are given; of one that holds a single text they are that text, not cut, so that a reader can tell. */
export function encodeBounds(
  type: IcebergPrimitive,
  least: SingleValue,
  greatest: SingleValue,
): { readonly lower: Uint8Array | null; readonly upper: Uint8Array | null } {
  if (typeof least === 'string' && least === greatest && least.length <= ONE_VALUE_LENGTH) {
    const exact = Buffer.from(least, 'utf8');
    return { lower: exact, upper: exact };
  }
  return { lower: encodeBound(type, least, 'lower'), upper: encodeBound(type, greatest, 'upper') };
}

/** Order of two values of one type, as Iceberg orders them: strings and binaries by unsigned bytes. */
export function compareValues(a: SingleValue, b: SingleValue): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function truncatedText(text: string, side: 'lower' | 'upper'): string | null {
  if (text.length <= BOUND_LENGTH) return text;
  const characters = [...text];
  if (characters.length <= BOUND_LENGTH) return text;
  const kept = characters.slice(0, BOUND_LENGTH);
  if (side === 'lower') return kept.join('');
  for (let last = BOUND_LENGTH - 1; last >= 0; last--) {
    let raised = (kept[last]?.codePointAt(0) ?? 0) + 1;
    if (raised >= 0xd800 && raised <= 0xdfff) raised = 0xe000; // surrogates are no characters
    if (raised <= 0x10ffff) return kept.slice(0, last).join('') + String.fromCodePoint(raised);
  }
  return null;
}

function truncatedBytes(bytes: Uint8Array, side: 'lower' | 'upper'): Uint8Array | null {
  if (bytes.length <= BOUND_LENGTH) return bytes;
  const kept = bytes.slice(0, BOUND_LENGTH);
  if (side === 'lower') return kept;
  for (let last = BOUND_LENGTH - 1; last >= 0; last--) {
    const byte = kept[last] ?? 0;
    if (byte < 0xff) return Uint8Array.from([...kept.slice(0, last), byte + 1]);
  }
  return null;
}

/** Two's complement, big-endian, in the fewest bytes. */
function encodeDecimal(unscaled: bigint): Uint8Array {
  let size = 1;
  while (BigInt.asIntN(8 * size, unscaled) !== unscaled) size++;
  return bigEndian(unscaled, size);
}

/** Two's complement, big-endian, in exactly `size` bytes (Avro's and Parquet's fixed decimals). */
function bigEndian(unscaled: bigint, size: number): Uint8Array {
  let rest = BigInt.asUintN(8 * size, unscaled);
  const bytes = new Uint8Array(size);
  for (let i = size - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}

function decodeDecimal(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
}

/** Reads a value written as text (`12.50`, `2017-10-02 10:11:12.5`, `2017-10-02`, `true`); null when the text is none of the type. */
export function valueOfText(type: IcebergPrimitive, text: string): SingleValue | null {
  const decimal = decimalOf(type);
  if (decimal) return unscaledOf(text, decimal.scale);
  switch (type) {
    case 'boolean':
      return text === 'true' || text === '1';
    case 'int':
      return /^-?\d+$/.test(text) ? Number(text) : null;
    case 'long':
      return /^-?\d+$/.test(text) ? BigInt(text) : null;
    case 'float':
    case 'double':
      return /^-?inf/i.test(text)
        ? Number(`${text.startsWith('-') ? '-' : ''}Infinity`)
        : text.trim() === ''
          ? null
          : Number(text);
    case 'date': {
      const micros = microsOf(text);
      return micros === null ? null : Number((micros - (((micros % DAY_US) + DAY_US) % DAY_US)) / DAY_US);
    }
    case 'timestamp':
      return microsOf(text);
    case 'string':
      return text;
    default:
      return null;
  }
}

const DAY_US = 86_400_000_000n;

/** `YYYY-MM-DD[ T]HH:MM:SS[.ffffff][Z]` as µs since the epoch, UTC. */
function microsOf(text: string): bigint | null {
  const match = /^(\d{4,6})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z?)?$/.exec(text);
  if (!match) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const moment = new Date(0);
  moment.setUTCFullYear(year ?? 0, (month ?? 1) - 1, day ?? 1); // unlike Date.UTC, leaves the years 0 to 99 alone
  moment.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0);
  return BigInt(moment.getTime()) * 1000n + BigInt((match[7] ?? '').padEnd(6, '0'));
}

function unscaledOf(text: string, scale: number): bigint | null {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text);
  if (!match || (match[2] === '' && !match[3])) return null;
  const fraction = (match[3] ?? '').padEnd(scale, '0');
  if (fraction.length > scale && /[1-9]/.test(fraction.slice(scale))) return null;
  const unscaled = BigInt(`${match[2]}${fraction.slice(0, scale)}` || '0');
  return match[1] === '-' ? -unscaled : unscaled;
}

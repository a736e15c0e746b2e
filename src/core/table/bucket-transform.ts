/** Iceberg's bucket transform (https://iceberg.apache.org/spec/#bucket-transform-details): which of N buckets a value belongs to. */
import { murmur3 } from './murmur3.js';

/** N of `bucket[N]`, or null for every other transform. */
export function bucketCount(transform: string): number | null {
  const match = /^bucket\[(\d+)\]$/.exec(transform);
  return match ? Number(match[1]) : null;
}

const encoder = new TextEncoder();

/** The bytes that are hashed: text as UTF-8; int, long, date, time and timestamp as a long, little-endian. */
function hashedBytes(value: string | number | bigint | Uint8Array): Uint8Array {
  if (typeof value === 'string') return encoder.encode(value);
  if (value instanceof Uint8Array) return value;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes;
}

/** 0 to `buckets` - 1. Numbers are whole: an int or long as it is, dates in days, timestamps in microseconds since 1970. */
export const bucketOf = (value: string | number | bigint | Uint8Array, buckets: number): number =>
  (murmur3(hashedBytes(value)) & 0x7fffffff) % buckets;

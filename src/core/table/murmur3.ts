/**
 * The hash behind Iceberg's bucket transform: murmur3_x86_32 with seed 0 (https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements;
 * the algorithm: https://github.com/aappleby/smhasher/wiki/MurmurHash3).
 */

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;

const rotated = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits));
const scrambled = (block: number): number => Math.imul(rotated(Math.imul(block, C1), 15), C2);

/** Signed 32-bit, as the specification lists its test values. */
export function murmur3(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length - (bytes.length % 4);
  let hash = 0;
  for (let at = 0; at < whole; at += 4) {
    hash = rotated(hash ^ scrambled(view.getInt32(at, true)), 13);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= whole; at--) tail = (tail << 8) | (bytes[at] as number);
  if (whole < bytes.length) hash ^= scrambled(tail);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0;
}

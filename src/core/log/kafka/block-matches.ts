/** What snappy and LZ4 have in common: repetitions of at least four bytes within a block of 64 KB, found greedily by a hash of four bytes. */

/** Largest block: every distance within it fits in two bytes. */
export const BLOCK_BYTES = 65_536;
const MIN_MATCH = 4;
/** LZ4 wants the last five bytes, and whatever begins in the last twelve, as they are; snappy does not mind. */
const LAST_LITERALS = 5;
const NO_MATCH_IN_LAST = 12;
const HASH_BITS = 14;
/** After so many bytes without a match (a power of two) it looks less closely. */
const BORED_SHIFT = 6;

/** `literalsFrom` to `at` as they are, then `length` bytes that also lie `back` bytes before `at`. */
export type OnMatch = (literalsFrom: number, at: number, back: number, length: number) => void;

/** Calls `onMatch` in order; resolves to where the last literals begin. */
export function eachMatch(block: Uint8Array, onMatch: OnMatch): number {
  const lastStart = block.length - NO_MATCH_IN_LAST;
  const lastEnd = block.length - LAST_LITERALS;
  /** One more than the position; 0: none. */
  const seen = new Uint32Array(1 << HASH_BITS);
  const word = (at: number): number => block[at]! | (block[at + 1]! << 8) | (block[at + 2]! << 16) | (block[at + 3]! << 24);
  let literalsFrom = 0;
  let misses = 0;
  for (let at = 0; at <= lastStart;) {
    const here = word(at);
    const slot = Math.imul(here, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = seen[slot]! - 1;
    seen[slot] = at + 1;
    if (candidate < 0 || word(candidate) !== here) {
      at += 1 + (misses++ >>> BORED_SHIFT);
      continue;
    }
    let end = at + MIN_MATCH;
    const back = at - candidate;
    while (end < lastEnd && block[end] === block[end - back]) end++;
    onMatch(literalsFrom, at, back, end - at);
    at = end;
    literalsFrom = end;
    misses = 0;
  }
  return literalsFrom;
}

/**
 * A split-block Bloom filter (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom Filters"; the form Parquet uses):
 * each entry sets one bit in each of the eight 32-bit words of one 32-byte block, so a look-up touches one block. Never says no to
 * what was added; at 12 bits an entry it says yes to about 1 in 200 others (measured in the tests).
 */

const WORDS_PER_BLOCK = 8;
/** Bytes of one block. */
export const BLOCK_BYTES = 4 * WORDS_PER_BLOCK;
const BITS_PER_ENTRY = 12;
/** The odd constants of Parquet's filter: each picks other bits of the hash. */
const SALTS = Int32Array.of(0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31);
const TWO_POW_32 = 4_294_967_296;

/** Blocks for so many entries; at least one. */
export const blocksFor = (entries: number): number => Math.max(1, Math.ceil((entries * BITS_PER_ENTRY) / (8 * BLOCK_BYTES)));

/**
 * Two independent 32-bit hashes of some bytes, in `high` and `low`: a reused object, since millions of them on the landing path
 * would be millions of allocations. Two multiplicative lanes with murmur3's final mix (as cyrb53 does it); not for adversaries: who
 * finds collisions only makes one file be read in vain.
 */
export interface HashPair {
  high: number;
  low: number;
}

/** `seed` keeps kinds of entries apart: an id and an equal key are two entries. */
export function hashInto(pair: HashPair, bytes: Uint8Array, seed: number): void {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ Math.imul(seed, 0x9e3779b1);
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    high = Math.imul(high ^ byte, 0x9e3779b1);
    low = Math.imul(low ^ byte, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  pair.high = high >>> 0;
  pair.low = (low ^ (low >>> 16)) | 0;
}

const firstWord = (high: number, blocks: number): number => Math.floor((high / TWO_POW_32) * blocks) * WORDS_PER_BLOCK;

/** `words`: the filter's blocks, `blocksFor(entries) * 8` words. */
export function addTo(words: Int32Array, { high, low }: HashPair): void {
  const at = firstWord(high, words.length / WORDS_PER_BLOCK);
  for (let word = 0; word < WORDS_PER_BLOCK; word++) {
    words[at + word] = (words[at + word] as number) | (1 << (Math.imul(low, SALTS[word] as number) >>> 27));
  }
}

/** False: it was certainly not added. */
export function mayHoldHash(words: Int32Array, { high, low }: HashPair): boolean {
  const at = firstWord(high, words.length / WORDS_PER_BLOCK);
  for (let word = 0; word < WORDS_PER_BLOCK; word++) {
    if (((words[at + word] as number) & (1 << (Math.imul(low, SALTS[word] as number) >>> 27))) === 0) return false;
  }
  return true;
}

/**
 * Which partition a record goes to: the caller's choice, else by key as Kafka's default partitioner does it (so that a key keeps
 * its partition number when a lake moves to Kafka), else round-robin.
 */
import type { NewRecord } from './event-log.js';

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;

/** Kafka's 32-bit murmur2 (org.apache.kafka.common.utils.Utils.murmur2), as a signed integer. */
export function murmur2(bytes: Uint8Array): number {
  const { length } = bytes;
  let hash = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    k = Math.imul(k, MULTIPLIER);
    k ^= k >>> 24;
    k = Math.imul(k, MULTIPLIER);
    hash = Math.imul(hash, MULTIPLIER) ^ k;
  }
  const rest = length - at;
  if (rest >= 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, MULTIPLIER);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, MULTIPLIER);
  return hash ^ (hash >>> 15);
}

/** The partition of a key among `partitions`: the same for the same key, always. */
export const partitionOfKey = (key: Uint8Array, partitions: number): number => (murmur2(key) & 0x7fffffff) % partitions;

/** Chooses for one topic; remembers where its round-robin stands, which starts at `first`. */
export function partitionChooser(partitions: number, first: number): (record: NewRecord) => number {
  let next = first % partitions;
  return (record) => {
    if (record.partition !== undefined) return record.partition;
    if (record.key !== null) return partitionOfKey(record.key, partitions);
    const chosen = next;
    next = (next + 1) % partitions;
    return chosen;
  };
}

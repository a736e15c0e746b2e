/**
 * Event ids of records that come from files (CSV, NDJSON, raw): a hash of what the record is and of how many times it has come,
 * so that the same file sent twice gives the same ids, and two identical rows of one file stay two events.
 *
 * The exact input, all lengths in bytes, text in UTF-8:
 *   first  = sha256( dataset ‖ 0x00 ‖ record )           record: without byte order mark and without line end
 *   id(1)  = hex(first)
 *   id(n)  = hex(sha256( first ‖ decimal digits of n ))  for the n-th occurrence (n ≥ 2) of the same record in the same file
 * A dataset name holds no 0x00, so the first input can be read in one way only.
 */
import { hash } from 'node:crypto';
import { createOccurrenceCounter } from './occurrence-counter.js';

/** Answers the id (64 hex digits) of the next record of the file; call it once per record, in file order. */
export type FileEventIds = (record: Uint8Array) => string;

/** A fresh counter for one file (or one list of raw payloads). */
export function fileEventIds(dataset: string): FileEventIds {
  const prefix = Buffer.from(`${dataset}\0`, 'utf8');
  const occurrences = createOccurrenceCounter();
  let input = Buffer.alloc(4096);
  input.set(prefix);
  return (record) => {
    const length = prefix.length + record.length;
    if (length > input.length) {
      input = Buffer.alloc(length * 2);
      input.set(prefix);
    }
    input.set(record, prefix.length);
    const first = hash('sha256', input.subarray(0, length), 'hex');
    const occurrence = occurrences.count(first);
    if (occurrence === 1) return first;
    return hash('sha256', Buffer.concat([Buffer.from(first, 'hex'), Buffer.from(String(occurrence), 'ascii')]), 'hex');
  };
}

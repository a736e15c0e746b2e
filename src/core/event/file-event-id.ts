/**
 * Event ids of records that come from files (CSV, NDJSON, raw): a hash of the payload and of how many times it has come, so that
 * the same file sent twice gives the same ids, and two identical rows of one file stay two events.
 *
 * The exact input, all lengths in bytes, text in UTF-8:
 *   first  = sha256( dataset ‖ 0x00 ‖ payload )          payload: the event's, byte for byte; of a CSV row its JSON object
 *   first  = sha256( dataset ‖ 0x00 ‖ 0x00 ‖ row )       for a CSV row that cannot be read: its bytes without line end
 *   id(n)  = hex(first) for n = 1, else hex(sha256( first ‖ decimal digits of n )): the n-th time this one comes in the file
 * A dataset name holds no 0x00 and no JSON starts with one, so an id stands for one payload: a CSV file that comes again under a
 * corrected header holds new events, and NDJSON that was once taken for CSV can still come as what it is.
 */
import { hash } from 'node:crypto';
import { createOccurrenceCounter, type OccurrenceCounter } from './occurrence-counter.js';

/** Answer the id (64 hex digits) of the file's next event; one call per event, in file order. */
export interface FileEventIds {
  readonly ofPayload: (payload: Uint8Array) => string;
  /** Of a CSV row that cannot be read. */
  readonly ofBadRow: (row: Uint8Array) => string;
}

/** A fresh counter for one file (or one list of raw payloads). */
export function fileEventIds(dataset: string): FileEventIds {
  const occurrences = createOccurrenceCounter();
  const idsUnder = (domain: string): ((record: Uint8Array) => string) => idsOf(Buffer.from(domain, 'utf8'), occurrences);
  return { ofPayload: idsUnder(`${dataset}\0`), ofBadRow: idsUnder(`${dataset}\0\0`) };
}

function idsOf(prefix: Buffer, occurrences: OccurrenceCounter): (record: Uint8Array) => string {
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

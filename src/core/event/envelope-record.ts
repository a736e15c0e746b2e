/** The log record of an envelope: value = the payload's bytes, everything else in the key and the headers. */
import type { LogHeader, NewRecord } from '../log/event-log.js';
import { HEADER_DATASET, HEADER_EVENT_ID, HEADER_RECEIVED_AT, HEADER_SOURCE, type Envelope } from './envelope.js';

const TEXTS_KEPT = 256;
const encodedTexts = new Map<string, Uint8Array>();

/** Dataset and source names repeat for millions of events: encode each once. */
function encodedOnce(text: string): Uint8Array {
  let bytes = encodedTexts.get(text);
  if (!bytes) {
    bytes = Buffer.from(text, 'utf8');
    if (encodedTexts.size >= TEXTS_KEPT) encodedTexts.clear();
    encodedTexts.set(text, bytes);
  }
  return bytes;
}

/** Keystone's four headers come first, the client's own follow as they came. */
export function toLogRecord(envelope: Envelope): NewRecord {
  const headers: LogHeader[] = [
    { key: HEADER_EVENT_ID, value: Buffer.from(envelope.eventId, 'utf8') },
    { key: HEADER_DATASET, value: encodedOnce(envelope.dataset) },
    { key: HEADER_SOURCE, value: encodedOnce(envelope.source) },
    { key: HEADER_RECEIVED_AT, value: Buffer.from(String(envelope.receivedAtUs), 'latin1') },
  ];
  for (const header of envelope.headers) headers.push(header);
  return { key: envelope.key, value: envelope.payload, headers };
}

/** About what a record occupies in the log: the bytes of its value, key and headers. */
export function recordSizeBytes(record: NewRecord): number {
  let size = (record.value?.length ?? 0) + (record.key?.length ?? 0);
  for (const header of record.headers) size += header.key.length + header.value.length;
  return size;
}

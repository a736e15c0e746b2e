/** A log record as a bronze row: what its headers promote to columns, and what stays a header. */
import { isUtf8 } from 'node:buffer';
import { HEADER_DATASET, HEADER_EVENT_ID, HEADER_SOURCE } from '../event/envelope.js';
import type { LogHeader, LogRecord } from '../log/event-log.js';

export interface BronzeRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampUs: number;
  readonly key: Uint8Array | null;
  readonly payload: Uint8Array | null;
  /** UTF-8, as it came: decoding and encoding it again cost a tenth of the landing. */
  readonly eventId: Uint8Array;
  readonly dataset: string;
  readonly source: string | null;
  /** The headers that did not become columns, in their order. */
  readonly headers: readonly LogHeader[];
}

export type ToBronzeRecord = (record: LogRecord) => BronzeRecord;

const NO_HEADERS: readonly LogHeader[] = [];

/** For short texts: a native comparison costs more to call than this loop. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

/**
 * A record without `ks-event-id` (written by a foreign producer) is its own event: `<topic>/<partition>/<offset>`.
 * One without `ks-dataset` belongs to the topic's dataset. Neither is ever guessed from the content. Bytes that are no UTF-8 name nothing,
 * nor does an empty id or dataset: such a header stays among the headers, and the first that names something is taken.
 *
 * A batch keeps tens of thousands of these at once, so texts that repeat are kept once and promoted headers are let go.
 */
export function bronzeRecordOf(topicDataset: string): ToBronzeRecord {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const encoder = new TextEncoder();
  const encode = (text: string): Uint8Array => encoder.encode(text);
  const known = new Map<string, string>();
  const kept = (bytes: Uint8Array): string => {
    const text = decoder.decode(bytes);
    const same = known.get(text);
    if (same !== undefined) return same;
    if (known.size < 1_000) known.set(text, text);
    return text;
  };
  /** Texts that mostly repeat the one before them; null for what is no text. */
  const repeating = (): ((bytes: Uint8Array) => string | null) => {
    let last = new Uint8Array();
    let text: string | null = '';
    return (bytes) => {
      if (isSame(bytes, last)) return text;
      last = bytes.slice(); // a copy: the view would keep the whole read alive
      text = isUtf8(bytes) ? kept(bytes) : null;
      return text;
    };
  };
  const datasetOf = repeating();
  const sourceOf = repeating();
  return (record) => {
    let eventId: Uint8Array | null = null;
    let dataset: string | null = null;
    let source: string | null = null;
    let headers: LogHeader[] | null = null;
    for (const header of record.headers) {
      const { key, value } = header;
      if (key === HEADER_EVENT_ID && eventId === null) {
        if (value.length > 0 && isUtf8(value)) {
          eventId = value;
          continue;
        }
      } else if (key === HEADER_DATASET && dataset === null) {
        dataset = datasetOf(value) || null;
        if (dataset !== null) continue;
      } else if (key === HEADER_SOURCE && source === null) {
        source = sourceOf(value);
        if (source !== null) continue;
      }
      // A repeated header of ours stays where it is, so that nothing that arrived is dropped.
      (headers ??= []).push(header);
    }
    const { topic, partition, offset, timestampUs, key, value } = record;
    return {
      topic,
      partition,
      offset,
      timestampUs,
      key,
      payload: value,
      eventId: eventId ?? encode(`${topic}/${partition}/${offset}`),
      dataset: dataset ?? topicDataset,
      source,
      headers: headers ?? NO_HEADERS,
    };
  };
}

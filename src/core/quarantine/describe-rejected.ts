/** A rejected event as lines of text for a terminal. */
import type { ReadableBytes } from './readable-bytes.js';
import type { RejectedEventDetail } from './show-quarantined.js';

/** Payloads are strangers' bytes: control characters (but line feed and tab) are written as `\u001b`, so that none can drive a terminal. */
export function describeRejected(event: RejectedEventDetail): string {
  const facts: readonly (readonly [string, string | null])[] = [
    ['origin', event.origin],
    ['event id', event.eventId],
    ['zone', event.zone],
    ['reasons', event.reasons.join(', ')],
    ['detail', event.detail],
    ['dataset', event.dataset],
    ['source', event.source],
    ['contract', event.contractVersion],
    ['partition', event.partition],
    ['csv line', event.csvLine === null ? null : String(event.csvLine)],
    ['logged', event.logTime],
    ['landed', event.ingestedAt],
    ['rejected', event.processedAt],
    ['key', event.key === null ? null : event.key.text],
    ...event.headers.map((header) => [`header ${header.key}`, header.value?.text ?? ''] as const),
    ['payload', payloadTitle(event.payload)],
  ];
  const lines = facts.flatMap(([name, value]) => (value === null ? [] : [`${name.padEnd(10)} ${oneLine(value)}`]));
  return [...lines, ...(event.payload === null ? [] : [harmless(event.payload.text)])].join('\n');
}

const payloadTitle = (payload: ReadableBytes | null): string =>
  payload === null ? 'none (tombstone)' : `${payload.sizeBytes} bytes${payload.encoding === 'escaped' ? ', not UTF-8' : ''}`;

const oneLine = (text: string): string => harmless(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t');

const harmless = (text: string): string =>
  text.replaceAll(/(?![\n\t])\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);

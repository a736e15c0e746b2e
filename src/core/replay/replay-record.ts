/** The log record of an event that comes again: the bytes as they were, under the old id or a new one. */
import { hash } from 'node:crypto';
import { HEADER_DATASET, HEADER_EVENT_ID, HEADER_RECEIVED_AT, HEADER_REPLAY_OF, HEADER_SOURCE } from '../event/envelope.js';
import type { LogHeader, NewRecord } from '../log/event-log.js';
import type { ReplayEvent } from './replay-event.js';

/** Id and headers under which an event comes. */
export interface Identity {
  /** UTF-8. */
  readonly eventId: Uint8Array;
  /** Without those that name event id, dataset and source. */
  readonly headers: readonly LogHeader[];
}

export type IdentityOf = (event: ReplayEvent) => Identity;

/** The id that it had: what the lake already holds is a duplicate. */
export const oldIdentity: IdentityOf = ({ eventId, headers }) => ({ eventId, headers });

/**
 * A new id for this replay: `sha256( replayId ‖ 0x00 ‖ old id )` in hex. What came twice under one id comes twice under one again: an event
 * that was a duplicate stays one, and so does one that is sent a second time after a crash. The old id comes first among the headers.
 */
export const newIdentity =
  (replayId: string): IdentityOf =>
  ({ eventId, headers }) => ({
    eventId: Buffer.from(hash('sha256', Buffer.concat([Buffer.from(`${replayId}\0`, 'latin1'), eventId]), 'hex'), 'latin1'),
    headers: [{ key: HEADER_REPLAY_OF, value: eventId }, ...headers],
  });

/** Where records go, as far as it matters for their partition. */
export interface TargetTopic {
  readonly topic: string;
  readonly partitions: number;
}

/**
 * In its own topic an event keeps its partition, and so its place among the versions of its key; in another one its key decides, and
 * without a key its old partition. `receivedAtUs` is told of events that had not been received before.
 */
export function replayRecord(event: ReplayEvent, identity: Identity, target: TargetTopic, receivedAtUs: number): NewRecord {
  const { origin, key, payload, dataset, source } = event;
  const headers: LogHeader[] = [
    { key: HEADER_EVENT_ID, value: identity.eventId },
    { key: HEADER_DATASET, value: Buffer.from(dataset, 'utf8') },
  ];
  if (source !== null) headers.push({ key: HEADER_SOURCE, value: Buffer.from(source, 'utf8') });
  if (origin === null) headers.push({ key: HEADER_RECEIVED_AT, value: Buffer.from(String(receivedAtUs), 'latin1') });
  headers.push(...identity.headers);
  const isPlaced = origin !== null && (key === null || (origin.topic === target.topic && origin.partition < target.partitions));
  return { ...(isPlaced ? { partition: origin.partition % target.partitions } : {}), key, value: payload, headers };
}

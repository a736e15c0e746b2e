/** What a trace was asked for: one event by id or place, or everything that came under a business key. */
import { KeystoneError } from '../errors.js';

/** `topic/partition/offset` in parts. */
export interface LogPlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

export type TraceTarget =
  /** `place`: what the reference is when it is read as a position; an event id may look like one. */
  | { readonly kind: 'event'; readonly reference: string; readonly place: LogPlace | null; readonly dataset: string | null }
  | { readonly kind: 'key'; readonly text: string; readonly dataset: string | null };

export interface TraceRequest {
  readonly event?: string;
  readonly key?: string;
  readonly dataset?: string;
}

/** `topic/partition/offset`; `topic/partition` of what the log has not taken yet. */
export const placeText = ({ topic, partition, offset }: Omit<LogPlace, 'offset'> & { readonly offset: number | null }): string =>
  `${topic}/${partition}${offset === null ? '' : `/${offset}`}`;

const PLACE = /^(.+)\/(\d{1,9})\/(\d{1,15})$/;

/** Throws KS_USAGE when neither an event nor a key is asked for, or both are. */
export function traceTarget({ event, key, dataset }: TraceRequest): TraceTarget {
  if (event !== undefined && key !== undefined) {
    throw new KeystoneError('KS_USAGE', `an event (${event}) and a key (${key}) cannot be traced together`, {
      hint: 'keystone trace EVENT_ID, or keystone trace --key KEY',
    });
  }
  if (key !== undefined) {
    if (key === '') throw new KeystoneError('KS_USAGE', 'the key is empty', { hint: 'keystone trace --key order_id=…' });
    return { kind: 'key', text: key, dataset: dataset ?? null };
  }
  if (event === undefined || event === '') {
    throw new KeystoneError('KS_USAGE', 'there is nothing to trace: give an event or a key', {
      hint: 'keystone trace EVENT_ID, keystone trace topic/partition/offset, or keystone trace --key KEY',
    });
  }
  const match = PLACE.exec(event);
  const place = match ? { topic: match[1] ?? '', partition: Number(match[2]), offset: Number(match[3]) } : null;
  return { kind: 'event', reference: event, place, dataset: dataset ?? null };
}

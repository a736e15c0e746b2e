/**
 * Turns what a client sent into an envelope, or refuses it (docs/formats.md, "Event envelope in the log"): dataset, event id, source
 * and key are decided here, once, for every way in.
 */
import { isUtf8 } from 'node:buffer';
import type { Clock } from '../clock.js';
import type { Contract } from '../contract/contract.js';
import { jsonColumns, keyOfDataset, type KeyMode, type KeyOf } from '../event/business-key.js';
import {
  HEADER_CLAIMED_SOURCE,
  HEADER_DATASET,
  HEADER_EVENT_ID,
  HEADER_RECEIVED_AT,
  HEADER_SOURCE,
  type Envelope,
  type EventHeader,
} from '../event/envelope.js';
import { uuidV7Source } from '../event/uuid-v7.js';
import type { Client } from './client.js';
import type { WireEvent } from './grpc/ingestion-v1-codec.js';

export type Acceptance =
  | { readonly kind: 'accepted'; readonly envelope: Envelope }
  | { readonly kind: 'refused'; readonly reason: string; readonly eventId: string };

/** The source is the producer that the client has proved to be, whatever the event claims; without proof it is what the event claims. */
export type AcceptEvent = (event: WireEvent, client: Client) => Acceptance;

export interface AcceptOptions {
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly keyMode: KeyMode;
  readonly defaultDataset: string;
  /** Source of an event that names none, e.g. `grpc`. */
  readonly defaultSource: string;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Ids and names become table cells and log headers: long ones are a client's mistake. */
const MAX_NAME_LENGTH = 1024;

const OWN_HEADERS: ReadonlySet<string> = new Set([
  HEADER_EVENT_ID,
  HEADER_DATASET,
  HEADER_SOURCE,
  HEADER_CLAIMED_SOURCE,
  HEADER_RECEIVED_AT,
]);

/** The key maker of each dataset, made once. */
export function keysOf(contracts: ReadonlyMap<string, Contract>, keyMode: KeyMode): (dataset: string) => KeyOf {
  const known = new Map([...contracts].map(([dataset, contract]) => [dataset, keyOfDataset(keyMode, contract)] as const));
  const unknown = keyOfDataset(keyMode, undefined);
  return (dataset) => known.get(dataset) ?? unknown;
}

/** Our own header's text, null where it is absent, undefined where it is no UTF-8. A repeated header counts once, the last one. */
function headerText(headers: readonly EventHeader[], name: string): string | null | undefined {
  const header = headers.findLast((candidate) => candidate.key === name);
  if (!header) return null;
  return isUtf8(header.value) ? Buffer.from(header.value).toString('utf8') : undefined;
}

export function eventAcceptor(options: AcceptOptions): AcceptEvent {
  const keyFor = keysOf(options.contracts, options.keyMode);
  const newId = uuidV7Source(options.clock, options.randomBytes);
  return (event, { producer }) => {
    const carriesOwn = event.headers.some((header) => OWN_HEADERS.has(header.key));
    const fromField = (value: string, header: string): string | null | undefined =>
      value !== '' ? value : carriesOwn ? headerText(event.headers, header) : null;
    const dataset = fromField(event.dataset, HEADER_DATASET);
    const givenId = fromField(event.eventId, HEADER_EVENT_ID);
    const source = fromField(event.source, HEADER_SOURCE);
    const refuse = (reason: string): Acceptance => ({ kind: 'refused', reason, eventId: givenId ?? '' });
    for (const [name, value] of [
      ['dataset', dataset],
      ['event_id', givenId],
      ['source', source],
    ] as const) {
      if (value === undefined) return refuse(`${name} is not UTF-8`);
      if (value !== null && value.length > MAX_NAME_LENGTH) return refuse(`${name} is longer than ${MAX_NAME_LENGTH} characters`);
    }
    const eventId = givenId || newId();
    const datasetName = dataset || options.defaultDataset;
    const ownRemoved = carriesOwn ? event.headers.filter((header) => !OWN_HEADERS.has(header.key)) : event.headers;
    const isOtherSource = producer !== null && source !== null && source !== undefined && source !== '' && source !== producer;
    const key = event.key.length > 0 ? event.key : keyFor(datasetName)(eventId, jsonColumns(event.payload));
    return {
      kind: 'accepted',
      envelope: {
        payload: event.payload,
        dataset: datasetName,
        eventId,
        source: producer ?? (source || options.defaultSource),
        key,
        headers: isOtherSource ? [{ key: HEADER_CLAIMED_SOURCE, value: Buffer.from(source, 'utf8') }, ...ownRemoved] : ownRemoved,
        receivedAtUs: options.clock.nowMs() * 1000,
      },
    };
  };
}

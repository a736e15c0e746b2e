/** The events of an HTTP request: its body cut into payloads, byte for byte, and what its path, query and header say of them. */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import type { Problem } from './http-shapes.js';
import type { WireEvent } from '../grpc/ingestion-v1-codec.js';
import { jsonFrames, lineFrames } from './json-frames.js';
import type { ProblemKind } from './problem-json.js';

export type HttpFraming = 'json' | 'ndjson';

export interface HttpEventsRequest {
  readonly framing: HttpFraming;
  readonly dataset: string;
  readonly headers: IncomingHttpHeaders;
  /** `?ks-event-id=`; null without one. */
  readonly eventId: string | null;
}

export type HttpEvents =
  | { readonly kind: 'events'; readonly events: readonly WireEvent[] }
  | { readonly kind: 'refused'; readonly problem: ProblemKind; readonly detail: string; readonly more?: Pick<Problem, 'offset'> };

/** An event costs memory beside its bytes: a body of empty objects must not become millions of them. */
export const MAX_REQUEST_EVENTS = 10_000;

const NO_KEY: Uint8Array = new Uint8Array(0);

/** Null: a content type that is not taken. */
export function framingOf(contentType: string | undefined): HttpFraming | null {
  const [type = '', ...parameters] = (contentType ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim().replaceAll('"', '')).find((text) => text.startsWith('charset='));
  if (charset !== undefined && charset !== 'charset=utf-8' && charset !== 'charset=utf8') return null;
  if (type.trim() === 'application/json') return 'json';
  return type.trim() === 'application/x-ndjson' ? 'ndjson' : null;
}

/** Node reads header bytes as Latin-1; who sends UTF-8 means UTF-8. */
function headerText(value: string | string[] | undefined): string | null {
  const text = Array.isArray(value) ? value.join(', ') : value;
  if (text === undefined || text === '') return null;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}

/** `Idempotency-Key` is a structured field: its string stands in quotes, which many clients leave out. */
const withoutQuotes = (key: string | null): string | null =>
  key?.replace(/^"(.*)"$/, '$1').replaceAll(/\\(["\\])/g, '$1') ?? null;

/**
 * Ids: `?ks-event-id=` names the one event of the request, and so does a header of that name. `Idempotency-Key` does too; of several events the n-th is `<key>:<n>`, so a
 * request that is sent again holds the same events.
 */
export function httpEvents(body: Buffer, { framing, dataset, headers, eventId }: HttpEventsRequest): HttpEvents {
  const framed = framing === 'json' ? jsonFrames(body) : ({ kind: 'frames', frames: lineFrames(body) } as const);
  if (framed.kind === 'malformed') {
    const detail = `the body is no JSON document: at byte ${framed.offset}, ${framed.reason}`;
    return { kind: 'refused', problem: 'malformed', detail, more: { offset: framed.offset } };
  }
  const { frames } = framed;
  if (frames.length > MAX_REQUEST_EVENTS) {
    const detail = `${frames.length} events are more than the ${MAX_REQUEST_EVENTS} that one request may hold; send them in several`;
    return { kind: 'refused', problem: 'too-large', detail };
  }
  const named = headerText(headers['ks-event-id']);
  if (eventId !== null && named !== null && named !== eventId)
    return {
      kind: 'refused',
      problem: 'unprocessable',
      detail: 'ks-event-id gives two ids, one in the query and one in the header',
    };
  return withIds(frames, { dataset, headers, eventId: eventId ?? named });
}

function withIds(frames: readonly Uint8Array[], { dataset, headers, eventId }: Omit<HttpEventsRequest, 'framing'>): HttpEvents {
  const key = withoutQuotes(headerText(headers['idempotency-key']));
  if (eventId !== null && frames.length !== 1) {
    const detail = `ks-event-id names one event, and the body holds ${frames.length}; for several send Idempotency-Key`;
    return { kind: 'refused', problem: 'unprocessable', detail };
  }
  if (eventId !== null && key !== null && key !== eventId)
    return { kind: 'refused', problem: 'unprocessable', detail: 'ks-event-id and Idempotency-Key give two ids' };
  const idOf = (index: number): string => {
    if (eventId !== null) return eventId;
    if (key === null) return '';
    return frames.length === 1 ? key : `${key}:${index + 1}`;
  };
  const source = headerText(headers['x-event-source']) ?? '';
  const events = frames.map((payload, index) => ({ payload, dataset, key: NO_KEY, eventId: idOf(index), source, headers: [] }));
  return { kind: 'events', events };
}

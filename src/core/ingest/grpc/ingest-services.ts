/**
 * The gRPC services as grpc-js sees them: paths, hand-written codecs (see `wire-message.ts`) and handlers.
 * Both answer INVALID_ARGUMENT to broken framing. A refused event ends the founding service's call with CANCELLED and no message
 * (its clients know nothing else), and v1's with the code and its details.
 */
import {
  Metadata,
  status,
  type handleBidiStreamingCall,
  type handleUnaryCall,
  type sendUnaryData,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Client } from '../client.js';
import type { EventIntake } from '../event-intake.js';
import type { TellRefusal } from '../refusal-log.js';
import { decodeEventRequest, encodeEventRequest, encodeEventResponse } from './founding-codec.js';
import {
  decodeEvent,
  decodeEventBatch,
  decodeReceipt,
  decodeReceiptBatch,
  encodeEvent,
  encodeEventBatch,
  encodeReceipt,
  encodeReceiptBatch,
  type EventResult,
  type Receipt,
  type WireEvent,
} from './ingestion-v1-codec.js';
import { serveEventStream } from './stream-events.js';
import { refusalOf } from './stream-in-order.js';
import type { Decoded } from './wire-message.js';

export const FOUNDING_SERVICE = 'IngestionService';
export const INGESTION_V1_SERVICE = 'keystone.ingestion.v1.Ingestion';

/** Of a refusal by a limit: how long until the same may be sent again. */
export const RETRY_AFTER_METADATA = 'retry-after-ms';

/** A unary method whose decoders answer a value for broken bytes instead of throwing. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestStream: false;
  readonly responseStream: false;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Decoded<Request>;
  readonly responseSerialize: (value: Response) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Decoded<Response>;
}

const unary = <Request, Response>(
  path: string,
  request: { readonly encode: (value: Request) => Buffer; readonly decode: (bytes: Buffer) => Decoded<Request> },
  response: { readonly encode: (value: Response) => Buffer; readonly decode: (bytes: Buffer) => Decoded<Response> },
): UnaryMethod<Request, Response> => ({
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: request.encode,
  requestDeserialize: request.decode,
  responseSerialize: response.encode,
  responseDeserialize: response.decode,
});

/** The same for a stream of requests and one of responses. */
export interface StreamMethod<Request, Response> extends Omit<
  UnaryMethod<Request, Response>,
  'requestStream' | 'responseStream'
> {
  readonly requestStream: true;
  readonly responseStream: true;
}

export const foundingMethods = {
  SendEvent: unary<Uint8Array, boolean>(
    `/${FOUNDING_SERVICE}/SendEvent`,
    { encode: encodeEventRequest, decode: decodeEventRequest },
    { encode: encodeEventResponse, decode: (bytes) => ({ kind: 'message', message: bytes[1] === 1 }) },
  ),
};

export const ingestionV1Methods = {
  SendEvent: unary<WireEvent, Receipt>(
    `/${INGESTION_V1_SERVICE}/SendEvent`,
    { encode: encodeEvent, decode: decodeEvent },
    { encode: encodeReceipt, decode: decodeReceipt },
  ),
  SendEventBatch: unary<readonly WireEvent[], readonly EventResult[]>(
    `/${INGESTION_V1_SERVICE}/SendEventBatch`,
    { encode: encodeEventBatch, decode: decodeEventBatch },
    { encode: encodeReceiptBatch, decode: decodeReceiptBatch },
  ),
  StreamEvents: {
    ...unary<readonly WireEvent[], readonly EventResult[]>(
      `/${INGESTION_V1_SERVICE}/StreamEvents`,
      { encode: encodeEventBatch, decode: (bytes) => refusalOf(bytes) ?? decodeEventBatch(bytes) },
      { encode: encodeReceiptBatch, decode: decodeReceiptBatch },
    ),
    requestStream: true,
    responseStream: true,
  } satisfies StreamMethod<readonly WireEvent[], readonly EventResult[]>,
};

const NO_BYTES: Uint8Array = Buffer.alloc(0);

/** Who makes a call. */
export type ClientOf = (call: { readonly getPeer: () => string; readonly metadata: Metadata }) => Client;

/** What every service is given beside the intake. */
export interface ServiceDoor {
  readonly clientOf: ClientOf;
  /** Absent: refusals are told to the client alone. */
  readonly tellRefusal?: TellRefusal | undefined;
}

const tellMalformed = (client: Client, reason: string, tellRefusal: TellRefusal | undefined): void =>
  tellRefusal?.({ door: 'grpc', client, traceparent: client.traceparent, code: 'INVALID_ARGUMENT', reason, events: 0 });

/** Answers broken framing itself and hands whole messages on. */
const handling =
  <Request, Response>(
    { clientOf, tellRefusal }: ServiceDoor,
    handle: (request: Request, client: Client, answer: sendUnaryData<Response>) => void,
  ): handleUnaryCall<Decoded<Request>, Response> =>
  (call, answer) => {
    if (call.request.kind === 'malformed') {
      tellMalformed(clientOf(call), call.request.reason, tellRefusal);
      answer({ code: status.INVALID_ARGUMENT, details: call.request.reason });
    } else handle(call.request.message, clientOf(call), answer);
  };

export interface ServiceBinding {
  readonly definition: ServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
}

/** `IngestionService` of `proto/ingestion.proto`. */
export const foundingService = (intake: EventIntake, door: ServiceDoor): ServiceBinding => ({
  definition: foundingMethods,
  handlers: {
    SendEvent: handling<Uint8Array, boolean>(door, (payload, client, answer) => {
      intake.take([{ payload, dataset: '', key: NO_BYTES, eventId: '', source: '', headers: [] }], client, ([result]) => {
        if (result?.kind === 'receipt') answer(null, true);
        else answer({ code: status.CANCELLED, details: '' });
      });
    }),
  },
});

/** When to come again, where a limit refused any of the events; the longest wait of them. */
function retryMetadata(results: readonly (EventResult | undefined)[]): Metadata | undefined {
  let waitMs = 0;
  for (const result of results) if (result?.kind === 'refused') waitMs = Math.max(waitMs, result.refusal.retryAfterMs ?? 0);
  if (waitMs === 0) return undefined;
  const metadata = new Metadata();
  metadata.set(RETRY_AFTER_METADATA, String(waitMs));
  return metadata;
}

/** `keystone.ingestion.v1.Ingestion`; `draining` ends its streams. */
export const ingestionV1Service = (intake: EventIntake, door: ServiceDoor, draining: AbortSignal): ServiceBinding => ({
  definition: ingestionV1Methods,
  handlers: {
    SendEvent: handling<WireEvent, Receipt>(door, (event, client, answer) => {
      intake.take([event], client, ([result]) => {
        if (result?.kind === 'receipt') answer(null, result.receipt);
        else {
          const { code, message } = result?.refusal ?? { code: status.UNKNOWN, message: '' };
          const metadata = retryMetadata([result]);
          answer({ code, details: message, ...(metadata ? { metadata } : {}) });
        }
      });
    }),
    SendEventBatch: handling<readonly WireEvent[], readonly EventResult[]>(door, (events, client, answer) => {
      intake.take(events, client, (results) => answer(null, results, retryMetadata(results)));
    }),
    StreamEvents: ((call) => {
      const client = door.clientOf(call);
      const onMalformed = (reason: string): void => tellMalformed(client, reason, door.tellRefusal);
      serveEventStream(call, { client, intake, draining, onMalformed });
    }) satisfies handleBidiStreamingCall<Decoded<readonly WireEvent[]>, readonly EventResult[]>,
  },
});

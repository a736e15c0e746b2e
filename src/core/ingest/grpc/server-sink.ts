/**
 * Sends events to an ingest server in batches, a few of them under way at once.
 *
 * Every event has its id before it is sent, so a batch whose answer was lost is sent again under the same ids: the lake sees a
 * duplicate, never a second event. A batch that is sent again may land behind later ones.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { Client, credentials, Metadata, status, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import type { Clock } from '../../clock.js';
import { KeystoneError, messageOf } from '../../errors.js';
import { createBatchWindow } from '../batch-window.js';
import { diagnoseServer } from './diagnose-server.js';
import type { EventSink, OnResults } from '../event-sink.js';
import type { FileEvent } from '../files/file-event.js';
import { ingestionV1Methods, RETRY_AFTER_METADATA } from './ingest-services.js';
import type { EventResult, WireEvent } from './ingestion-v1-codec.js';
import { OPEN_ACCESS, type ServerAccess } from '../server-access.js';
import { hostOfAddress } from '../server-address.js';

export interface ServerSinkOptions {
  /** `host:port`. */
  readonly address: string;
  /** Absent: neither TLS nor token. */
  readonly access?: ServerAccess | undefined;
  readonly clock: Clock;
  readonly onResults: OnResults;
  readonly signal: AbortSignal;
  /** How long one batch is tried again while the server is away or full. */
  readonly retryMs?: number;
  /**
   * How long the sink waits for a server that takes no more for now (its spool is full, say), in ms; then it rejects with KS_LIMIT. Absent:
   * what is still refused after `retryMs` is a refusal of each event.
   */
  readonly fullMs?: number | undefined;
  /** Told once, when the server takes no more for longer than a moment. */
  readonly onNotice?: ((text: string) => void) | undefined;
  /** Asks the server with a batch of no events, before any is given, whether it lets us in. */
  readonly asksFirst?: boolean;
  readonly batchEvents?: number;
  /** Batches under way at once. */
  readonly window?: number;
}

const RETRY_MS = 10_000;
const CONNECT_MS = 3_000;
/** After this a connection that has not come about is looked into. */
const FIRST_LOOK_MS = 500;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1_000;
/** A server that is full for less is not worth a word. */
const MOMENT_MS = 1_000;
const BATCH_EVENTS = 500;
const BATCH_BYTES = 1_000_000;
const WINDOW = 4;

const isTransient = (code: number): boolean => code === status.UNAVAILABLE || code === status.RESOURCE_EXHAUSTED;
const NO_KEY: Uint8Array = new Uint8Array(0);

/** An event under way; the line is for messages alone. */
interface SentEvent extends WireEvent {
  readonly line: number | undefined;
}

const toWire = ({ payload, dataset, eventId, source, headers, line }: FileEvent): SentEvent => ({
  payload,
  dataset,
  key: NO_KEY,
  eventId,
  source,
  headers,
  line,
});

/** Why one event that is alone in its call does not fit; `details` is gRPC's text with the two sizes. */
function tooLargeText({ source, line, payload }: SentEvent, details: string): string {
  const limit = /vs\.? (\d+)/.exec(details)?.[1];
  const where = line === undefined ? source : `${source}, line ${line}`;
  return `${where}: ${payload.length} bytes and its ids are more than the server takes in one message (${limit ?? 'its limit'} bytes); raise its limit: keystone ingest serve --set ingest.maxMessage=64MiB`;
}

/**
 * grpc-js names an IP address as the TLS server name, which RFC 6066 does not allow and Node warns of on standard error. Without a name
 * the certificate is still checked against the address, which Node takes from `host`.
 */
function withoutAddressAsName(channel: ChannelCredentials): ChannelCredentials {
  const connect = channel._createSecureConnector.bind(channel);
  channel._createSecureConnector = (...given) => {
    const connector = connect(...given);
    const { connectionOptions } = connector as { readonly connectionOptions?: { servername?: string } };
    if (connectionOptions?.servername !== undefined && isIP(connectionOptions.servername) !== 0)
      connectionOptions.servername = '';
    return connector;
  };
  return channel;
}

/** @throws KeystoneError KS_CREDENTIALS for a certificate or key that OpenSSL does not take. */
function channelOf({ tls }: ServerAccess): ChannelCredentials {
  if (tls === null) return credentials.createInsecure();
  try {
    return withoutAddressAsName(credentials.createSsl(tls.ca, tls.key, tls.cert));
  } catch (cause) {
    throw new KeystoneError('KS_CREDENTIALS', `the client certificate cannot be used: ${messageOf(cause)}`, {
      hint: 'check that --tls-key is the key of --tls-cert',
      cause,
    });
  }
}

/** The answer of a call and, where a limit refused something, how long to wait. */
interface Answer {
  readonly results: readonly EventResult[] | ServiceError;
  readonly retryAfterMs: number;
}

/**
 * @throws KeystoneError KS_SERVER_UNREACHABLE when nothing answers at the address, KS_USAGE when it is none, KS_CREDENTIALS when the two
 *   sides do not trust each other; a sink that is open rejects with it too.
 */
export async function openServerSink(options: ServerSinkOptions): Promise<EventSink> {
  const { address, clock, signal } = options;
  const retryMs = options.retryMs ?? RETRY_MS;
  const access = options.access ?? OPEN_ACCESS;
  const host = hostOfAddress(address);
  const client = new Client(address, channelOf(access), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_reconnect_backoff_ms': LONGEST_WAIT_MS,
  });
  const unreachable = (cause: unknown): KeystoneError =>
    new KeystoneError('KS_SERVER_UNREACHABLE', `no ingest server answers at ${address}: ${messageOf(cause)}`, {
      hint: 'keystone ingest serve',
      cause,
    });
  const readyWithin = (ms: number): Promise<Error | undefined> =>
    new Promise((resolve) => client.waitForReady(clock.nowMs() + ms, resolve));
  let unanswered = await readyWithin(FIRST_LOOK_MS);
  const distrust = unanswered ? await diagnoseServer(address, access) : null;
  if (unanswered && !distrust) unanswered = await readyWithin(CONNECT_MS - FIRST_LOOK_MS);
  if (unanswered) {
    client.close();
    if (distrust) throw distrust;
    const unknown = await lookup(host).then(
      () => null,
      (error: unknown) => error,
    );
    if (unknown === null) throw unreachable(unanswered);
    throw new KeystoneError('KS_SERVER_UNREACHABLE', `the host ${host} of ${address} is not known: ${messageOf(unknown)}`, {
      hint: 'correct the address, or: keystone ingest serve',
      cause: unknown,
    });
  }

  const call = (events: readonly WireEvent[]): Promise<Answer> =>
    new Promise((resolve) => {
      const { path, requestSerialize, responseDeserialize } = ingestionV1Methods.SendEventBatch;
      let results: readonly EventResult[] | ServiceError = notOneEach();
      const metadata = new Metadata();
      if (access.traceparent !== undefined) metadata.set('traceparent', access.traceparent);
      if (access.token) metadata.set('authorization', `Bearer ${access.token.reveal()}`);
      client
        .makeUnaryRequest(path, requestSerialize, responseDeserialize, events, metadata, (error, answer) => {
          if (error) results = error;
          else if (answer?.kind === 'message' && answer.message.length === events.length) results = answer.message;
        })
        .once('status', (end) => {
          resolve({ results, retryAfterMs: Number(end.metadata.get(RETRY_AFTER_METADATA)[0] ?? 0) || 0 });
        });
    });
  const unauthenticated = (error: ServiceError): KeystoneError =>
    new KeystoneError('KS_CREDENTIALS', `the server at ${address} did not let us in: ${error.details}`, {
      hint: 'show a token (--token env:NAME) or a client certificate (--tls-cert FILE --tls-key FILE)',
      cause: error,
    });

  if (options.asksFirst === true) {
    const { results } = await call([]);
    if (results instanceof Error) {
      client.close();
      throw results.code === status.UNAUTHENTICATED ? unauthenticated(results) : unreachable(results);
    }
  }

  const { fullMs } = options;
  /** Since when the server takes no more; all batches under way wait together. */
  let fullSinceMs: number | null = null;
  let isTold = false;
  /** Whether to try again. @throws KeystoneError KS_LIMIT once the server has been full for `fullMs`. */
  const awaitRoom = (reason: string, mostMs: number, retryAfterMs: number): boolean => {
    if (signal.aborted) return false;
    const nowMs = clock.nowMs();
    fullSinceMs ??= nowMs;
    const sinceMs = nowMs - fullSinceMs;
    if (sinceMs >= mostMs) {
      throw new KeystoneError(
        'KS_LIMIT',
        `the server at ${address} has taken no more for ${(sinceMs / 1000).toFixed(0)} s: ${reason}`,
        {
          hint: 'keystone ingest spool status on the server says what waits; then run the same command again: what was accepted becomes duplicates, not new events',
          cause: Object.assign(new Error(reason), { code: status.RESOURCE_EXHAUSTED }),
        },
      );
    }
    if (!isTold && Math.max(sinceMs, retryAfterMs) >= MOMENT_MS) {
      isTold = true;
      options.onNotice?.(`the server at ${address} takes no more for now (${reason}); waiting for room`);
    }
    return true;
  };

  /** Sends until each event has a receipt or a final refusal. */
  const deliver = async (batch: readonly SentEvent[]): Promise<void> => {
    let until = clock.nowMs() + retryMs;
    let open = batch;
    for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
      const { results: answer, retryAfterMs } = await call(open);
      // A limit is no failure: waiting as told leads on.
      if (retryAfterMs > 0) until = clock.nowMs() + retryAfterMs + retryMs;
      const mayRetry = clock.nowMs() + wait < until && !signal.aborted;
      let again: readonly SentEvent[];
      if (answer instanceof Error) {
        if (answer.code === status.UNAUTHENTICATED) throw unauthenticated(answer);
        // A batch over the server's size limit never fits; only "in flight" exhaustion passes.
        const tooLarge = answer.code === status.RESOURCE_EXHAUSTED && /larger than max/.test(answer.details);
        if (tooLarge && open.length > 1) {
          for (const event of open) await deliver([event]);
          return;
        }
        if (!isTransient(answer.code) || tooLarge) {
          const { code, details } = answer;
          options.onResults(
            open.map((event) => {
              const message = tooLarge ? tooLargeText(event, details) : details;
              return { kind: 'refused', refusal: { code, message, eventId: event.eventId } };
            }),
          );
          return;
        }
        const isFull = answer.code === status.RESOURCE_EXHAUSTED && fullMs !== undefined;
        if (isFull ? !awaitRoom(answer.details, fullMs, retryAfterMs) : !mayRetry)
          throw (await diagnoseServer(address, access)) ?? unreachable(answer);
        again = open;
      } else {
        const settled = answer.filter((result) => !isTransientRefusal(result));
        const exhausted = fullMs === undefined ? undefined : answer.find(isExhausted);
        if (settled.length > 0) fullSinceMs = null;
        if (exhausted && fullMs !== undefined) {
          // First what was settled: who gives up says how many were accepted.
          options.onResults(settled);
          again = awaitRoom(exhausted.refusal.message, fullMs, retryAfterMs)
            ? open.filter((_, index) => isTransientRefusal(answer[index]))
            : [];
        } else {
          again = mayRetry ? open.filter((_, index) => isTransientRefusal(answer[index])) : [];
          options.onResults(mayRetry ? settled : answer);
        }
      }
      if (again.length === 0) return;
      open = again;
      const leftMs = fullSinceMs === null || fullMs === undefined ? Infinity : fullSinceMs + fullMs - clock.nowMs();
      await clock.sleep(Math.max(wait, Math.min(retryAfterMs, leftMs)), signal);
    }
  };

  const batches = createBatchWindow<SentEvent>({
    maxItems: options.batchEvents ?? BATCH_EVENTS,
    maxBytes: BATCH_BYTES,
    window: options.window ?? WINDOW,
    deliver,
  });
  return {
    async send(events) {
      for (const event of events) await batches.add(toWire(event), event.payload.length);
    },
    flush: () => batches.flush(),
    close: () => {
      batches.close();
      client.close();
    },
  };
}

const notOneEach = (): ServiceError =>
  Object.assign(new Error('the server did not answer one result per event'), {
    code: status.INTERNAL,
    details: 'the server did not answer one result per event',
    metadata: new Metadata(),
  });

type Refusal = Extract<EventResult, { kind: 'refused' }>;

const isExhausted = (result: EventResult): result is Refusal =>
  result.kind === 'refused' && result.refusal.code === status.RESOURCE_EXHAUSTED;

const isTransientRefusal = (result: EventResult | undefined): boolean =>
  result?.kind === 'refused' && isTransient(result.refusal.code);

/**
 * `StreamEvents`: batches one way, receipts the other, in the order of the batches and only once their events are durable.
 *
 * The window bounds what is unanswered: while it is full, or the client does not read its receipts, the server reads nothing more,
 * and HTTP/2's flow control holds the client. What was read is always answered, whatever comes after it.
 */
import { status, type ServerDuplexStream } from '@grpc/grpc-js';
import type { Client } from '../client.js';
import type { EventIntake } from '../event-intake.js';
import type { EventResult, WireEvent } from './ingestion-v1-codec.js';
import type { Decoded } from './wire-message.js';

export type EventStream = ServerDuplexStream<Decoded<readonly WireEvent[]>, readonly EventResult[]>;

const WINDOW_BATCHES = 64;
const WINDOW_BYTES = 4 * 1024 * 1024;

/** A batch that is under way; `results` once it is settled. */
interface Slot {
  readonly bytes: number;
  results: readonly EventResult[] | null;
}

/** How the stream ends once all that was read is answered. */
type Ending = { readonly kind: 'ok' } | { readonly kind: 'error'; readonly code: number; readonly details: string };

const bytesOf = (events: readonly WireEvent[]): number => events.reduce((sum, { payload }) => sum + payload.length, 0);

export interface ServeStreamOptions {
  readonly client: Client;
  readonly intake: EventIntake;
  readonly draining: AbortSignal;
  /** Told of the message that ends the stream. */
  readonly onMalformed: (reason: string) => void;
}

/** Serves one stream until its end; `draining` makes it answer what it has read and end. */
export function serveEventStream(call: EventStream, { client, intake, draining, onMalformed }: ServeStreamOptions): void {
  const slots: Slot[] = [];
  let openBytes = 0;
  let ending: Ending | null = null;
  let isOver = false;
  /** The receipts' side is full: the client does not read. */
  let isClogged = false;
  let isReadWanted = false;

  const startRead = call._read.bind(call);
  // Node would read 16 messages ahead, each as large as a message may be: one is asked for only while the window has room.
  call._read = () => {
    isReadWanted = true;
    readOn();
  };
  const readOn = (): void => {
    const isFull = slots.length >= WINDOW_BATCHES || openBytes >= WINDOW_BYTES;
    if (!isReadWanted || isFull || isClogged || ending !== null || isOver) return;
    isReadWanted = false;
    startRead(0);
  };

  const finish = (): void => {
    if (ending === null || isOver || slots.length > 0) return;
    isOver = true;
    draining.removeEventListener('abort', onDraining);
    if (ending.kind === 'ok') call.end();
    else call.emit('error', { code: ending.code, details: ending.details });
  };
  const endWith = (how: Ending): void => {
    ending ??= how;
    finish();
  };
  const onDraining = (): void =>
    endWith({ kind: 'error', code: status.UNAVAILABLE, details: 'the server stops; what has no receipt has to be sent again' });

  const answer = (): void => {
    for (let head = slots[0]; head?.results && !isClogged && !isOver; head = slots[0]) {
      slots.shift();
      openBytes -= head.bytes;
      isClogged = !call.write(head.results);
    }
    readOn();
    finish();
  };

  call.on('data', (decoded: Decoded<readonly WireEvent[]>) => {
    if (ending !== null || isOver) return;
    if (decoded.kind === 'malformed') {
      onMalformed(decoded.reason);
      return endWith({ kind: 'error', code: decoded.code ?? status.INVALID_ARGUMENT, details: decoded.reason });
    }
    const slot: Slot = { bytes: bytesOf(decoded.message), results: null };
    slots.push(slot);
    openBytes += slot.bytes;
    intake.take(decoded.message, client, (results) => {
      slot.results = results;
      answer();
    });
  });
  call.on('drain', () => {
    isClogged = false;
    answer();
  });
  call.on('end', () => endWith({ kind: 'ok' }));
  call.on('cancelled', () => {
    isOver = true;
    draining.removeEventListener('abort', onDraining);
  });
  if (draining.aborted) onDraining();
  else draining.addEventListener('abort', onDraining, { once: true });
}

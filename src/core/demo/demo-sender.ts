/**
 * Sends the demo's events as a shop would: batches over keystone.ingestion.v1, and a few single calls to the founding document's
 * service. One batch at a time, so that the log's order is the order of sending; faults keep the position of their receipt.
 */
import { Client, credentials } from '@grpc/grpc-js';
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import type { EventResult } from '../ingest/grpc/ingestion-v1-codec.js';
import { foundingMethods } from '../ingest/grpc/ingest-services.js';
import { openServerSink } from '../ingest/grpc/server-sink.js';
import type { SentFault } from './check-fates.js';
import type { DemoEvent } from './demo-event.js';

export interface DemoSender {
  /** Resolves when there is room for more. */
  send(event: DemoEvent): Promise<void>;
  /** Resolves once everything sent is acknowledged; throws KS_INTERNAL when an event was refused. */
  flush(): Promise<void>;
  /** Acknowledged seeded faults and the events they go with, in the order of acknowledgement. */
  readonly faults: readonly SentFault[];
  /** How many events were sent, and how many of them by the founding service. */
  counts(): { readonly sent: number; readonly founding: number };
  close(): void;
}

const FOUNDING_WINDOW = 64;

/** @throws KeystoneError KS_SERVER_UNREACHABLE when nothing answers at `address` (`host:port`). */
export async function openDemoSender(address: string, clock: Clock, signal: AbortSignal): Promise<DemoSender> {
  const faults: SentFault[] = [];
  let refusal: string | null = null;
  /** Waiting for their receipts. One id may wait twice: it was sent twice. */
  const waiting = new Map<string, DemoEvent[]>();
  const onResults = (results: readonly EventResult[]): void => {
    for (const result of results) {
      const id = result.kind === 'receipt' ? result.receipt.eventId : result.refusal.eventId;
      const events = waiting.get(id);
      const event = events?.shift();
      if (events?.length === 0) waiting.delete(id);
      if (result.kind === 'refused') refusal ??= `${id}: ${result.refusal.message}`;
      else if (event && event.fault !== null) faults.push({ event, position: result.receipt });
    }
  };
  const sink = await openServerSink({ address, clock, signal, window: 1, onResults });

  const client = new Client(address, credentials.createInsecure());
  const underWay = new Set<Promise<void>>();
  let founding = 0;
  const sendFounding = (event: DemoEvent): Promise<void> =>
    new Promise((resolve) => {
      const { path, requestSerialize, responseDeserialize } = foundingMethods.SendEvent;
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, event.payload, (error, answer) => {
        if (error || answer?.kind !== 'message' || !answer.message)
          refusal ??= `founding service: ${error?.message ?? 'success=false'}`;
        else if (event.fault !== null) faults.push({ event, position: null });
        resolve();
      });
    });

  let sent = 0;
  return {
    async send(event) {
      sent++;
      const { eventId, dataset, source, payload } = event;
      if (eventId === null) {
        founding++;
        while (underWay.size >= FOUNDING_WINDOW) await Promise.race(underWay);
        const call = sendFounding(event).finally(() => underWay.delete(call));
        underWay.add(call);
        return;
      }
      const events = waiting.get(eventId);
      if (events) events.push(event);
      else waiting.set(eventId, [event]);
      await sink.send([{ payload, dataset, eventId, source, headers: [], valueOf: () => undefined }]);
    },
    async flush() {
      await Promise.all([sink.flush(), ...underWay]);
      if (refusal !== null) throw new KeystoneError('KS_INTERNAL', `the ingest server refused an event of the demo (${refusal})`);
    },
    faults,
    counts: () => ({ sent, founding }),
    close() {
      sink.close();
      client.close();
    },
  };
}

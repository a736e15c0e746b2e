/**
 * A load generator in a process of its own (started by `ingest.ts`): gRPC over node:http2 with requests encoded beforehand, so that the
 * client costs as little as it can beside the server it measures. Each client is one connection with one call at a time.
 */
import http2 from 'node:http2';
import type { WireEvent } from '../src/core/ingest/grpc/ingestion-v1-codec.js';
import { encodeEventRequest } from '../src/core/ingest/grpc/founding-codec.js';
import { encodeEvent, encodeEventBatch } from '../src/core/ingest/grpc/ingestion-v1-codec.js';
import { samplePayloads } from './sample-payloads.js';

export interface LoadRequest {
  readonly address: string;
  /** `founding` is IngestionService/SendEvent, which knows no batches. */
  readonly service: 'keystone' | 'founding';
  readonly clients: number;
  /** Events in one call; 1 is the unary SendEvent. */
  readonly batch: number;
  readonly seconds: number;
  /** Stop earlier once so many events are acknowledged. */
  readonly maxEvents: number | null;
}

export interface LoadResult {
  readonly events: number;
  /** Acknowledged before the measured time began. */
  readonly warmUpEvents: number;
  /** Answered CANCELLED by the founding service, which is its word for not kept. */
  readonly refused: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const POOL = 2000;
const PATHS = { keystone: '/keystone.ingestion.v1.Ingestion/', founding: '/IngestionService/' } as const;

/** A gRPC message on the wire: no compression, length, bytes. */
function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

/** Without ids, as the server then makes them: equal payloads stay two events. */
const toEvent = (payload: Uint8Array): WireEvent => ({
  payload,
  dataset: 'orders',
  key: new Uint8Array(0),
  eventId: '',
  source: 'bench',
  headers: [],
});

export async function runLoad({ address, service, clients, batch, seconds, maxEvents }: LoadRequest): Promise<LoadResult> {
  if (service === 'founding' && batch !== 1) throw new Error('the founding service takes one event at a time');
  const payloads = [...samplePayloads(POOL, 61)];
  const events = payloads.map(toEvent);
  const requests: Buffer[] = [];
  if (service === 'founding') requests.push(...payloads.map((payload) => frame(encodeEventRequest(payload))));
  else if (batch === 1) requests.push(...events.map((event) => frame(encodeEvent(event))));
  else
    for (let at = 0; at + batch <= events.length; at += batch)
      requests.push(frame(encodeEventBatch(events.slice(at, at + batch))));
  const headers = {
    ':method': 'POST',
    ':path': `${PATHS[service]}${batch === 1 ? 'SendEvent' : 'SendEventBatch'}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  };

  const latencies: number[] = [];
  let next = 0;
  let refused = 0;
  const call = (session: http2.ClientHttp2Session): Promise<void> =>
    new Promise((resolve, reject) => {
      const startedMs = performance.now();
      const stream = session.request(headers);
      let status: unknown;
      stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
      stream.on('response', (head) => (status ??= head['grpc-status']));
      stream.on('error', reject);
      stream.on('close', () => {
        if (service === 'founding' && status === '1') {
          refused++;
          return resolve();
        }
        if (status !== '0') return reject(new Error(`grpc-status ${String(status)}`));
        latencies.push(performance.now() - startedMs);
        resolve();
      });
      stream.resume();
      stream.end(requests[next++ % requests.length]);
    });

  const sessions = await Promise.all(
    Array.from(
      { length: clients },
      () =>
        new Promise<http2.ClientHttp2Session>((resolve, reject) => {
          const session = http2.connect(`http://${address}`);
          session.once('connect', () => resolve(session));
          session.once('error', reject);
        }),
    ),
  );
  const run = async (untilMs: number): Promise<void> => {
    await Promise.all(
      sessions.map(async (session) => {
        while (performance.now() < untilMs && latencies.length * batch < (maxEvents ?? Infinity)) await call(session);
      }),
    );
  };
  await run(performance.now() + 500);
  const warmUpEvents = latencies.length * batch;
  latencies.length = 0;
  const startedMs = performance.now();
  await run(startedMs + seconds * 1000);
  const elapsed = (performance.now() - startedMs) / 1000;
  for (const session of sessions) session.close();
  const sorted = latencies.toSorted((a, b) => a - b);
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return {
    events: latencies.length * batch,
    warmUpEvents,
    refused,
    seconds: elapsed,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  };
}

// Started with node:child_process fork: one request in, one result out.
process.once('message', (request: LoadRequest) => {
  runLoad(request).then(
    (result) => {
      process.send?.({ result });
      process.disconnect();
    },
    (error: unknown) => {
      process.send?.({ error: String(error) });
      process.disconnect();
    },
  );
});

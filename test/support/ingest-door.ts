/** An ingest server over a log in memory, for tests of its door. */
import { Client, credentials, Metadata, type ChannelCredentials, type ServiceError } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import { startIngestServer, type IngestServer, type IngestServerOptions } from '../../src/core/ingest/ingest-server.js';
import { ingestionV1Methods } from '../../src/core/ingest/grpc/ingest-services.js';
import type { EventResult, WireEvent } from '../../src/core/ingest/grpc/ingestion-v1-codec.js';
import { systemEffects } from './effects.js';
import { memoryLog, type MemoryLog } from './memory-log.js';

export interface Door {
  readonly log: MemoryLog;
  readonly server: IngestServer;
  readonly stop: () => Promise<unknown>;
  /** A client of its own connection; closed with the test. */
  connect(channel?: ChannelCredentials): Client;
}

export async function openDoor(options: Partial<IngestServerOptions> = {}): Promise<Door> {
  const log = memoryLog();
  const abort = new AbortController();
  const { clock, randomBytes } = systemEffects();
  const server = await startIngestServer({
    log,
    topic: 'events',
    partitions: 1,
    contracts: new Map(),
    host: '127.0.0.1',
    port: 0,
    defaultDataset: 'orders',
    keyMode: 'none',
    lingerMs: 0,
    maxMessageBytes: 1_000_000,
    maxInFlightBytes: 10_000_000,
    drainMs: 500,
    clock,
    randomBytes,
    signal: abort.signal,
    ...options,
  });
  const clients: Client[] = [];
  const stop = (): Promise<unknown> => {
    abort.abort();
    return server.closed;
  };
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await stop();
  });
  const connect = (channel = credentials.createInsecure()): Client => {
    const client = new Client(`127.0.0.1:${server.port}`, channel, { 'grpc.use_local_subchannel_pool': 1 });
    clients.push(client);
    return client;
  };
  return { log, server, stop, connect };
}

export const wireEvent = (fields: Partial<WireEvent> = {}): WireEvent => ({
  payload: Buffer.from('{}'),
  dataset: '',
  key: Buffer.alloc(0),
  eventId: '',
  source: '',
  headers: [],
  ...fields,
});

export const bearer = (token: string): Metadata => {
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
};

/** One call with raw bytes both ways: the answer's bytes, or the error. */
export const callBytes = (
  client: Client,
  path: string,
  request: Buffer,
  metadata = new Metadata(),
): Promise<Buffer | ServiceError> =>
  new Promise((resolve) => {
    const same = (bytes: Buffer): Buffer => bytes;
    const done = (error: ServiceError | null, answer?: Buffer): void => resolve(error ?? answer ?? Buffer.alloc(0));
    client.makeUnaryRequest(path, same, same, request, metadata, { deadline: Date.now() + 10_000 }, done);
  });

/** Sends one event over keystone.ingestion.v1: the answer's bytes, or the error. */
export const sendOne = (client: Client, event: Partial<WireEvent> = {}, metadata?: Metadata): Promise<Buffer | ServiceError> => {
  const { path, requestSerialize } = ingestionV1Methods.SendEvent;
  return callBytes(client, path, requestSerialize(wireEvent(event)), metadata);
};

export interface OpenStream {
  send(events: readonly WireEvent[]): void;
  sendBytes(bytes: Buffer): void;
  end(): void;
  /** What has come so far. */
  readonly answers: readonly (readonly EventResult[])[];
  /** The status that ended it. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>;
}

export function openStream(client: Client, metadata = new Metadata()): OpenStream {
  const { path, requestSerialize, responseDeserialize } = ingestionV1Methods.StreamEvents;
  const call = client.makeBidiStreamRequest(path, (bytes: Buffer) => bytes, responseDeserialize, metadata);
  const answers: (readonly EventResult[])[] = [];
  call.on('data', (answer: ReturnType<typeof responseDeserialize>) => {
    if (answer.kind === 'message') answers.push(answer.message);
  });
  call.on('error', () => undefined);
  const ended = new Promise<{ readonly code: number; readonly details: string }>((resolve) => call.once('status', resolve));
  return {
    send: (events) => void call.write(requestSerialize(events)),
    sendBytes: (bytes) => void call.write(bytes),
    end: () => void call.end(),
    answers,
    ended,
  };
}

import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Contract } from '../../../src/core/contract/contract.js';
import { encodeEventRequest } from '../../../src/core/ingest/grpc/founding-codec.js';
import { startIngestServer, type IngestServer, type IngestServerOptions } from '../../../src/core/ingest/ingest-server.js';
import { ingestionV1Methods } from '../../../src/core/ingest/grpc/ingest-services.js';
import { encodeEvent, type WireEvent } from '../../../src/core/ingest/grpc/ingestion-v1-codec.js';
import { systemEffects } from '../../support/effects.js';
import { headerOf, memoryLog, type MemoryLog } from '../../support/memory-log.js';

const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const orders = { dataset: 'orders', key: ['order_id'], columns: [] } as unknown as Contract;

interface Running {
  readonly log: MemoryLog;
  readonly server: IngestServer;
  readonly client: Client;
  readonly abort: AbortController;
}

async function start(options: Partial<IngestServerOptions> = {}): Promise<Running> {
  const log = memoryLog();
  const abort = new AbortController();
  const { clock, randomBytes } = systemEffects();
  const server = await startIngestServer({
    log,
    topic: 'events',
    partitions: 3,
    contracts: new Map([['orders', orders]]),
    host: '127.0.0.1',
    port: 0,
    defaultDataset: 'orders',
    keyMode: 'business',
    lingerMs: 0,
    maxMessageBytes: 1_000_000,
    maxInFlightBytes: 1_000_000,
    drainMs: 500,
    clock,
    randomBytes,
    signal: abort.signal,
    ...options,
  });
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  closers.push(() => {
    client.close();
    abort.abort();
    return server.closed;
  });
  return { log, server, client, abort };
}

/** One call with raw bytes both ways: the answer's bytes, or the error. */
const callRaw = (client: Client, path: string, request: Buffer): Promise<Buffer | ServiceError> =>
  new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      request,
      (error, answer) => resolve(error ?? answer ?? Buffer.alloc(0)),
    );
  });
const FOUNDING = '/IngestionService/SendEvent';
const V1 = '/keystone.ingestion.v1.Ingestion/SendEvent';

const event = (fields: Partial<WireEvent>): WireEvent => ({
  payload: Buffer.alloc(0),
  dataset: '',
  key: Buffer.alloc(0),
  eventId: '',
  source: '',
  headers: [],
  ...fields,
});

const sendBatch = (client: Client, events: readonly WireEvent[]) =>
  new Promise<Awaited<ReturnType<typeof ingestionV1Methods.SendEventBatch.responseDeserialize>>>((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = ingestionV1Methods.SendEventBatch;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, events, (error, answer) =>
      error ? reject(error) : resolve(answer as never),
    );
  });

describe('founding service', () => {
  it('stores the payload byte for byte, broken UTF-8 included, and answers success', async () => {
    const { log, client } = await start();
    const payload = Buffer.from([0x7b, 0xff, 0xfe, 0xc3, 0x28, 0x00, 0x7d]);
    expect(await callRaw(client, FOUNDING, encodeEventRequest(payload))).toEqual(Buffer.from([0x08, 0x01]));
    const [record] = log.appended;
    expect(record?.value).toEqual(payload);
    expect(headerOf(record!, 'ks-dataset')).toBe('orders');
    expect(headerOf(record!, 'ks-event-id')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('takes an absent payload and skips fields it does not know', async () => {
    const { log, client } = await start();
    expect(await callRaw(client, FOUNDING, Buffer.alloc(0))).toBeInstanceOf(Buffer);
    expect(await callRaw(client, FOUNDING, Buffer.from([0x50, 0x01, 0x0a, 0x01, 0x78]))).toBeInstanceOf(Buffer);
    expect(log.appended.map(({ value }) => value?.toString())).toEqual(['', 'x']);
  });

  it.each([
    ['a truncated field', [0x0a, 0x05, 0x61]],
    ['a truncated tag', [0x8a]],
    ['field number 0', [0x02, 0x00]],
    ['an unknown wire type', [0x0f, 0x01]],
  ])('answers INVALID_ARGUMENT to %s', async (_, bytes) => {
    const { log, client } = await start();
    expect(await callRaw(client, FOUNDING, Buffer.from(bytes))).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(log.appended).toEqual([]);
  });

  it('answers CANCELLED without a message when the append fails', async () => {
    const { log, client } = await start();
    log.failWith = new Error('broker away');
    expect(await callRaw(client, FOUNDING, encodeEventRequest(Buffer.from('{}')))).toMatchObject({
      code: status.CANCELLED,
      details: '',
    });
  });

  it('answers RESOURCE_EXHAUSTED to a message over the limit', async () => {
    const { client } = await start({ maxMessageBytes: 1000 });
    expect(await callRaw(client, FOUNDING, encodeEventRequest(Buffer.alloc(2000)))).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
  });
});

describe('keystone.ingestion.v1', () => {
  it('answers receipts in the order of the events, with the ids the client gave', async () => {
    const { log, client } = await start();
    const events = Array.from({ length: 100 }, (_, index) =>
      event({ payload: Buffer.from(`{"order_id":"o${index % 7}"}`), eventId: `id-${index}`, source: 'shop' }),
    );
    const answer = await sendBatch(client, events);
    if (answer.kind !== 'message') throw new Error(answer.reason);
    const receipts = answer.message.map((result) => (result.kind === 'receipt' ? result.receipt : null));
    expect(receipts.map((receipt) => receipt?.eventId)).toEqual(events.map(({ eventId }) => eventId));
    for (const receipt of receipts) {
      const { records } = await log.read('events', receipt!.partition, receipt!.offset, { maxRecords: 1, maxBytes: 1000 });
      expect(headerOf(records[0]!, 'ks-event-id')).toBe(receipt!.eventId);
    }
    expect(new Set(log.appended.map(({ key }) => key?.toString())).size).toBe(7);
  });

  it('keeps client headers as they came and takes the dataset from one where the field is empty', async () => {
    const { log, client } = await start();
    const headers = [
      { key: 'trace', value: Buffer.from([0xff, 0x00]) },
      { key: 'ks-dataset', value: Buffer.from('payments') },
    ];
    await callRaw(client, V1, encodeEvent(event({ payload: Buffer.from('{}'), headers })));
    const [record] = log.appended;
    expect(headerOf(record!, 'ks-dataset')).toBe('payments');
    expect(record?.headers.filter(({ key }) => key === 'trace')).toEqual([headers[0]]);
    expect(record?.headers.filter(({ key }) => key === 'ks-dataset')).toHaveLength(1);
  });

  it('names the reason when the append fails', async () => {
    const { log, client } = await start();
    log.failWith = new Error('broker away');
    const request = encodeEvent(event({ payload: Buffer.from('{}') }));
    expect(await callRaw(client, V1, request)).toMatchObject({ code: status.UNAVAILABLE, details: 'not kept: broker away' });
    log.failWith = new Error('SQLITE_FULL: database or disk is full');
    expect(await callRaw(client, V1, request)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  it('answers INVALID_ARGUMENT to broken framing and to an id that is not UTF-8', async () => {
    const { client } = await start();
    expect(await callRaw(client, V1, Buffer.from([0x0a, 0x05, 0x61]))).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(await callRaw(client, V1, Buffer.from([0x22, 0x01, 0xff]))).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(
      await callRaw(client, '/keystone.ingestion.v1.Ingestion/SendEventBatch', Buffer.from([0x0a, 0x03, 0x0a, 0x05, 0x61])),
    ).toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });

  it('refuses what does not fit into the bytes in flight, and takes more once they are durable', async () => {
    const { log, client } = await start({ maxInFlightBytes: 1500 });
    let open = (): void => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    const request = encodeEvent(event({ payload: Buffer.alloc(1000) }));
    const first = callRaw(client, V1, request);
    await expect.poll(async () => ((await callRaw(client, V1, request)) as ServiceError).code).toBe(status.RESOURCE_EXHAUSTED);
    open();
    expect(await first).toBeInstanceOf(Buffer);
    expect(await callRaw(client, V1, request)).toBeInstanceOf(Buffer);
  });
});

describe('ingest server', () => {
  it('answers health for both services and lists them by reflection', async () => {
    const { client } = await start();
    const serving = Buffer.from([0x08, 0x01]);
    for (const service of ['', 'IngestionService', 'keystone.ingestion.v1.Ingestion']) {
      const name = Buffer.from(service);
      const request = service === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
      expect(await callRaw(client, '/grpc.health.v1.Health/Check', request)).toEqual(serving);
    }
    const listed = await new Promise<string>((resolve, reject) => {
      const identity = (bytes: Buffer): Buffer => bytes;
      const call = client.makeBidiStreamRequest('/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', identity, identity);
      call.on('data', (bytes: Buffer) => resolve(bytes.toString('latin1')));
      call.on('error', reject);
      call.write(Buffer.from([0x3a, 0x00]));
      call.end();
    });
    expect(listed).toContain('IngestionService');
    expect(listed).toContain('keystone.ingestion.v1.Ingestion');
    expect(listed).toContain('grpc.health.v1.Health');
  });

  it('commits and answers what it has taken before it is gone', async () => {
    const { log, client, server, abort } = await start({ lingerMs: 60_000 });
    let open = (): void => undefined;
    log.gate = new Promise((resolve) => (open = resolve));
    const answer = callRaw(client, FOUNDING, encodeEventRequest(Buffer.from('{}')));
    await new Promise((resolve) => setTimeout(resolve, 500));
    abort.abort();
    open();
    expect(await answer).toEqual(Buffer.from([0x08, 0x01]));
    expect(await server.closed).toEqual({ accepted: 1, refused: 0 });
  });

  it('says which address is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    closers.push(() => void taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({
      code: 'KS_PORT_IN_USE',
      message: `127.0.0.1:${port} is in use by another process`,
    });
    const { server } = await start();
    await expect(start({ port: server.port })).rejects.toMatchObject({ code: 'KS_PORT_IN_USE' });
  });

  it("says when the address is none of this machine's, or no address at all", async () => {
    // TEST-NET-3 (RFC 5737) and .invalid (RFC 2606) belong to nobody.
    await expect(start({ host: '203.0.113.7' })).rejects.toMatchObject({
      code: 'KS_USAGE',
      message: 'cannot listen on 203.0.113.7:0: 203.0.113.7 is no address of this machine',
    });
    await expect(start({ host: 'nowhere.invalid' })).rejects.toMatchObject({
      code: 'KS_USAGE',
      message: 'cannot listen on nowhere.invalid:0: the host nowhere.invalid is not known',
    });
  });
});

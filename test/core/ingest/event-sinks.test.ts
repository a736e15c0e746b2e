import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { Contract } from '../../../src/core/contract/contract.js';
import { loadContracts } from '../../../src/core/contract/load-contracts.js';
import { planCsvFiles } from '../../../src/core/ingest/files/csv-file-plan.js';
import { openLogSink } from '../../../src/core/ingest/log-sink.js';
import { ingestCsv } from '../../../src/core/ingest/files/ingest-csv.js';
import { startIngestServer, type IngestServer } from '../../../src/core/ingest/ingest-server.js';
import type { EventResult } from '../../../src/core/ingest/grpc/ingestion-v1-codec.js';
import { lineEvents } from '../../../src/core/ingest/files/line-events.js';
import { rawEvents } from '../../../src/core/ingest/files/raw-events.js';
import { sendEvents } from '../../../src/core/ingest/send-events.js';
import { openServerSink } from '../../../src/core/ingest/grpc/server-sink.js';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import { KeystoneError } from '../../../src/core/errors.js';
import { createResultTally, interruptedWith } from '../../../src/core/ingest/result-tally.js';
import { systemEffects } from '../../support/effects.js';
import { openDoor } from '../../support/ingest-door.js';
import { headerOf, memoryLog, type MemoryLog } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';

const { clock, randomBytes } = systemEffects();
const { signal } = new AbortController();
const silent = (): void => undefined;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function serve(
  log: MemoryLog,
  port = 0,
  contracts: ReadonlyMap<string, Contract> = new Map(),
): Promise<IngestServer & { readonly stop: () => Promise<unknown> }> {
  const abort = new AbortController();
  const server = await startIngestServer({
    log,
    topic: 'events',
    partitions: 2,
    contracts,
    host: '127.0.0.1',
    port,
    defaultDataset: 'orders',
    keyMode: 'business',
    lingerMs: 0,
    maxMessageBytes: 100_000,
    maxInFlightBytes: 50_000_000,
    drainMs: 200,
    clock,
    randomBytes,
    signal: abort.signal,
  });
  const stop = (): Promise<unknown> => {
    abort.abort();
    return server.closed;
  };
  closers.push(stop);
  return { ...server, stop };
}
const lines = (bytes: Uint8Array): ReturnType<typeof lineEvents> =>
  lineEvents(
    (async function* () {
      yield bytes;
    })(),
    { dataset: 'orders', source: 'lines.ndjson', maxLineBytes: 1_000_000, onLongLine: silent },
  );
const manyLines = (count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, (_, index) => `{"n":${index}}\n`).join(''));
const countsOf = (results: readonly EventResult[]) => ({
  receipts: results.filter(({ kind }) => kind === 'receipt').length,
  refused: results.filter(({ kind }) => kind === 'refused').length,
});

describe('line events', () => {
  it('keeps each line byte for byte, without line end and byte order mark, and counts blank lines', async () => {
    let blank = 0;
    const bytes = [Buffer.from('\uFEFFa\r\n\n'), Buffer.from([0xff, 0x0a, 0x0d, 0x0a]), Buffer.from(' x')];
    const payloads: Buffer[] = [];
    const source = async function* () {
      for (const chunk of bytes) for (const byte of chunk) yield Buffer.from([byte]);
    };
    for await (const events of lineEvents(source(), {
      dataset: 'orders',
      source: 'x',
      maxLineBytes: 10,
      onLongLine: silent,
      onBlankLine: () => blank++,
    })) {
      for (const { payload } of events) payloads.push(Buffer.from(payload));
    }
    expect(payloads).toEqual([Buffer.from('a'), Buffer.from([0xff]), Buffer.from(' x')]);
    expect(blank).toBe(2);
  });

  it('leaves out a line that is too long, says which, and goes on with the next, however the bytes are cut', async () => {
    const content = Buffer.from('ok\nfar too long\nnext\r\n12345\r\n123456\n\n7\nlonger than all');
    for (const size of [1, 2, 3, 7, 100]) {
      const cut = async function* () {
        for (let from = 0; from < content.length; from += size) yield content.subarray(from, from + size);
      };
      const seen: unknown[] = [];
      const long: number[] = [];
      const limits = { maxLineBytes: 5, onLongLine: (line: number) => long.push(line) };
      for await (const events of lineEvents(cut(), { dataset: 'orders', source: 'x', ...limits })) {
        for (const { payload, line } of events) seen.push([line, Buffer.from(payload).toString()]);
      }
      expect(seen).toEqual([
        [1, 'ok'],
        [3, 'next'],
        [4, '12345'],
        [7, '7'],
      ]);
      expect(long).toEqual([2, 5, 8]);
    }
  });
});

describe('sending to a server', () => {
  it('delivers every event once and in order', async () => {
    const log = memoryLog();
    const server = await serve(log);
    const results: EventResult[] = [];
    const sink = await openServerSink({
      address: `127.0.0.1:${server.port}`,
      clock,
      signal,
      onResults: (batch) => results.push(...batch),
      batchEvents: 100,
    });
    closers.push(() => sink.close());
    const counts = await sendEvents({ events: lines(manyLines(5000)), sink, progress: silent, signal, name: 'lines' });
    expect(counts).toMatchObject({ events: 5000, datasets: { orders: 5000 } });
    expect(countsOf(results)).toEqual({ receipts: 5000, refused: 0 });
    expect(log.appended.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as unknown)).toEqual(
      Array.from({ length: 5000 }, (_, n) => ({ n })),
    );
  });

  it('sends again under the same ids what the log could not take', async () => {
    const log = memoryLog();
    const server = await serve(log);
    log.failWith = new Error('away');
    setTimeout(() => (log.failWith = undefined), 150);
    const results: EventResult[] = [];
    const sink = await openServerSink({
      address: `127.0.0.1:${server.port}`,
      clock,
      signal,
      onResults: (batch) => results.push(...batch),
      batchEvents: 10,
    });
    closers.push(() => sink.close());
    await sendEvents({ events: lines(manyLines(100)), sink, progress: silent, signal, name: 'lines' });
    expect(countsOf(results)).toEqual({ receipts: 100, refused: 0 });
    expect(new Set(log.appended.map((record) => headerOf(record, 'ks-event-id'))).size).toBe(100);
  });

  it('goes on when the server comes back on its address, and gives up when it does not', async () => {
    const log = memoryLog();
    const first = await serve(log);
    const { port } = first;
    const results: EventResult[] = [];
    const sink = await openServerSink({
      address: `127.0.0.1:${port}`,
      clock,
      signal,
      onResults: (batch) => results.push(...batch),
      retryMs: 4000,
    });
    closers.push(() => sink.close());
    await sendEvents({ events: lines(manyLines(10)), sink, progress: silent, signal, name: 'lines' });
    await first.stop();
    const sending = sendEvents({ events: lines(manyLines(20)), sink, progress: silent, signal, name: 'lines' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const second = await serve(log, port);
    await sending;
    expect(countsOf(results)).toEqual({ receipts: 30, refused: 0 });
    await second.stop();
    const hasty = openServerSink({ address: `127.0.0.1:${port}`, clock, signal, onResults: silent });
    await expect(hasty).rejects.toMatchObject({ code: 'KS_SERVER_UNREACHABLE', hint: 'keystone ingest serve' });
  });

  it('waits for a server that takes no more, then stops and says how many were accepted', async () => {
    let room = 3;
    const state = { mode: 'full', sinceMs: 0, events: 3, bytes: 900, oldestMs: 1000, problem: 'no broker answers' } as const;
    const { server } = await openDoor({
      spool: {
        state: () => state,
        append: async (records) =>
          records.map(() =>
            room-- > 0 ? { kind: 'spooled' as const, partition: 0 } : new KeystoneError('KS_LIMIT', 'the spool is full'),
          ),
      },
    });
    const address = `127.0.0.1:${server.port}`;
    const told: string[] = [];
    const send = async (fullMs: number) => {
      const tally = createResultTally();
      const sink = await openServerSink({
        address,
        // The server asks to come again in seconds.
        clock: { ...clock, sleep: (ms, over) => clock.sleep(Math.min(ms, 100), over) },
        signal,
        onResults: tally.onResults,
        retryMs: 100,
        fullMs,
        onNotice: (text) => void told.push(text),
      });
      closers.push(() => sink.close());
      const sent = sendEvents({ events: lines(manyLines(10)), sink, progress: silent, signal, name: 'lines' });
      const error = await sent.then(
        () => null,
        (thrown: unknown) => interruptedWith(thrown, tally.counts()),
      );
      return { error, ...tally.counts() };
    };
    expect(await send(300)).toMatchObject({
      accepted: 3,
      refused: 0,
      error: {
        code: 'KS_LIMIT',
        message: expect.stringMatching(/the spool is full: 3 events accepted, 0 refused until then/) as string,
        hint: expect.stringContaining('the same command again') as string,
      },
    });
    const second = send(60_000);
    await expect.poll(() => told.length, { timeout: 20_000 }).toBe(1);
    room = 100;
    expect(await second).toMatchObject({ accepted: 10, refused: 0, error: null });
    expect(told).toEqual([expect.stringMatching(/takes no more for now \(.*the spool is full\); waiting for room/)]);
  });

  it('refuses one event over the size limit without losing its neighbours', async () => {
    const log = memoryLog();
    const server = await serve(log);
    const results: EventResult[] = [];
    const sink = await openServerSink({
      address: `127.0.0.1:${server.port}`,
      clock,
      signal,
      onResults: (batch) => results.push(...batch),
    });
    closers.push(() => sink.close());
    const bytes = Buffer.concat([Buffer.from('a\n'), Buffer.alloc(200_000, 'x'), Buffer.from('\nb\n')]);
    await sendEvents({ events: lines(bytes), sink, progress: silent, signal, name: 'lines' });
    expect(countsOf(results)).toEqual({ receipts: 2, refused: 1 });
    const refusals = results.flatMap((result) => (result.kind === 'refused' ? [result.refusal.message] : []));
    expect(refusals).toEqual([
      expect.stringMatching(/^lines.ndjson, line 2: 200000 bytes .* \(100000 bytes\); .*--set ingest.maxMessage=/),
    ]);
  });
});

describe('straight into the log', () => {
  it('appends a folder of CSVs and names what it skips', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'olist_orders_dataset.csv'), 'order_id,v\na,1\nb,2,3\n');
    await writeFile(path.join(dir, 'customers.csv.gz'), gzipSync('customer_id\nc1\n'));
    await writeFile(path.join(dir, 'product_category_name_translation.csv'), '\uFEFFa,b\r\nx,y\r\n');
    await writeFile(path.join(dir, 'sellers.csv'), 'a,a\n1,2\n');
    await writeFile(path.join(dir, 'notes.txt'), 'no');
    await writeFile(path.join(dir, 'what.csv'), 'no');
    await mkdir(path.join(dir, 'log'));
    const log = await openEmbeddedLog({ path: path.join(dir, 'log', 'log.db'), clock });
    closers.push(() => log.close());
    const files = await planCsvFiles([dir], {
      dataset: undefined,
      datasets: ['orders', 'customers', 'category_translation', 'sellers'],
    });
    const results: EventResult[] = [];
    const sink = await openLogSink({
      log,
      topic: 'events',
      partitions: 2,
      contracts: new Map(),
      keyMode: 'business',
      clock,
      onResults: (batch) => results.push(...batch),
    });
    const found = await ingestCsv({ files, sink, contracts: new Map(), progress: silent, signal });
    expect(
      found.files.map(({ path: file, dataset, status, rows, badRows }) => [path.basename(file), dataset, status, rows, badRows]),
    ).toEqual([
      ['customers.csv.gz', 'customers', 'ingested', 1, 0],
      ['log', null, 'skipped', 0, 0],
      ['notes.txt', null, 'skipped', 0, 0],
      ['olist_orders_dataset.csv', 'orders', 'ingested', 2, 1],
      ['product_category_name_translation.csv', 'category_translation', 'ingested', 1, 0],
      ['sellers.csv', 'sellers', 'failed', 0, 0],
      ['what.csv', null, 'skipped', 0, 0],
    ]);
    expect(countsOf(results)).toEqual({ receipts: 4, refused: 0 });
    const bounds = await log.bounds('events');
    expect(bounds.reduce((sum, { endOffset }) => sum + endOffset, 0)).toBe(4);
  });

  it('fails a truncated gzip after its readable rows, and names missing files and unknown datasets', async () => {
    const dir = await tempDir();
    const zipped = gzipSync(Array.from({ length: 50_000 }, (_, index) => `row${index},${index * 7919}\n`).join(''));
    await writeFile(path.join(dir, 'orders.csv.gz'), zipped.subarray(0, zipped.length / 2));
    const log = memoryLog();
    const sink = await openLogSink({
      log,
      topic: 'events',
      partitions: 2,
      contracts: new Map(),
      keyMode: 'none',
      clock,
      onResults: silent,
    });
    const files = await planCsvFiles([dir], { dataset: undefined, datasets: ['orders'] });
    const {
      files: [file],
    } = await ingestCsv({ files, sink, contracts: new Map(), progress: silent, signal });
    expect(file).toMatchObject({ status: 'failed', message: expect.stringContaining('breaks off') as string });
    expect(log.appended.length).toBe(file?.rows);
    await expect(planCsvFiles([path.join(dir, 'nope.csv')], { dataset: undefined, datasets: [] })).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
    });
    await writeFile(path.join(dir, 'what.csv'), '');
    await expect(planCsvFiles([path.join(dir, 'what.csv')], { dataset: undefined, datasets: ['orders'] })).rejects.toMatchObject({
      code: 'KS_USAGE',
    });
  });

  it('takes whole files byte for byte, equal ones as two events', async () => {
    const dir = await tempDir();
    const bytes = Buffer.from([0x00, 0xff, 0x0a, 0x0d]);
    const paths = [path.join(dir, 'a'), path.join(dir, 'b')];
    for (const file of paths) await writeFile(file, bytes);
    const log = memoryLog();
    const sink = await openLogSink({
      log,
      topic: 'events',
      partitions: 1,
      contracts: new Map(),
      keyMode: 'business',
      clock,
      onResults: silent,
    });
    await sendEvents({ events: rawEvents(paths, 'orders', undefined), sink, progress: silent, signal, name: 'raw' });
    expect(log.appended.map(({ value }) => value)).toEqual([bytes, bytes]);
    expect(new Set(log.appended.map((record) => headerOf(record, 'ks-event-id'))).size).toBe(2);
    expect(log.appended.map((record) => headerOf(record, 'ks-source'))).toEqual(['a', 'b']);
  });

  it('gives the same records as the way over a server', async () => {
    const dir = await tempDir();
    const file = path.join(dir, 'order_items.csv');
    await writeFile(file, 'order_id,order_item_id,price\na,01,"1,5"\nb,2\n"c,3,4\nd,1,"x\ny"\na,01,"1,5"\n');
    const contracts = await loadContracts(path.resolve('templates/contracts'));
    const files = await planCsvFiles([file], { dataset: undefined, datasets: [...contracts.keys()] });
    const direct = memoryLog();
    const served = memoryLog();
    const server = await serve(served, 0, contracts);
    const sinks = [
      await openLogSink({
        log: direct,
        topic: 'events',
        partitions: 2,
        contracts,
        keyMode: 'business',
        clock,
        onResults: silent,
      }),
      await openServerSink({ address: `127.0.0.1:${server.port}`, clock, signal, onResults: silent }),
    ];
    for (const sink of sinks) {
      closers.push(() => sink.close());
      await ingestCsv({ files, sink, contracts: new Map(), progress: silent, signal });
    }
    const told = (log: MemoryLog) =>
      log.appended.map(({ key, value, headers }) => ({
        key,
        value,
        headers: headers.filter((header) => header.key !== 'ks-received-at'),
      }));
    expect(told(served)).toEqual(told(direct));
    expect(direct.appended.map((record) => [Buffer.from(record.key ?? []).toString(), headerOf(record, 'ks-csv-line')])).toEqual([
      ['["a","1"]', undefined],
      [headerOf(direct.appended[1]!, 'ks-event-id'), '3'],
      [headerOf(direct.appended[2]!, 'ks-event-id'), '4'],
      ['["d","1"]', undefined],
      ['["a","1"]', undefined],
    ]);
  });
});

import { gzipSync } from 'node:zlib';
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keystoneConfig, profileConfig, type ResolvedConfig } from '../../../../src/core/config/config.js';
import { KeystoneError } from '../../../../src/core/errors.js';
import {
  runWatch,
  type RunWatchEffects,
  type RunWatchOptions,
  type WatchEvent,
} from '../../../../src/core/ingest/uploads/run-watch.js';
import type { UploadReport } from '../../../../src/core/ingest/uploads/upload-report.js';
import { SILENT, type LogFields } from '../../../../src/core/logging/logger.js';
import { openLakehouse, type Lakehouse } from '../../../../src/core/lakehouse.js';
import { systemEffects } from '../../../support/effects.js';
import { headerOf, memoryLog, type MemoryLog } from '../../../support/memory-log.js';
import { tempDir } from '../../../support/temp-dir.js';

interface Watched {
  readonly dir: string;
  readonly log: MemoryLog;
  readonly lakehouse: Lakehouse;
}

async function watched(): Promise<Watched> {
  const dir = await tempDir();
  const { profiles: _, ...rest } = keystoneConfig.parse({ ingest: { maxMessage: 1000 } });
  const config: ResolvedConfig = {
    ...rest,
    contracts: path.resolve('templates/contracts'),
    profileName: 'local',
    profile: profileConfig.parse({}),
    projectDir: dir,
    configPath: path.join(dir, 'keystone.yaml'),
  };
  const log = memoryLog();
  const lakehouse = { ...openLakehouse(config, systemEffects()), log: async () => log };
  return { dir, log, lakehouse };
}

const watch = async (
  { lakehouse, dir }: Watched,
  options: Partial<RunWatchOptions & RunWatchEffects> = {},
  onEvent: (event: WatchEvent) => void = () => undefined,
) =>
  runWatch(lakehouse, {
    dir,
    dataset: undefined,
    destination: { kind: 'log' },
    settleMs: 20,
    once: true,
    dryRun: false,
    progress: () => undefined,
    signal: new AbortController().signal,
    onEvent,
    ...options,
  });

const report = async (dir: string, file: string): Promise<UploadReport> =>
  JSON.parse(await readFile(path.join(dir, `${file}.report.json`), 'utf8')) as UploadReport;
const filesIn = async (dir: string): Promise<readonly string[]> => (await readdir(dir).catch(() => [])).toSorted();

describe('watching a folder', () => {
  it('brings a corrupted CSV upload in row by row and names each bad row by its line', async () => {
    const on = await watched();
    const rows = ['order_id,customer_id', 'o1,c1', 'ragged', '"open "quote",x', 'o2,c2', 'nul\0,x'];
    const bytes = Buffer.concat([
      Buffer.from(`${rows.join('\n')}\n`),
      Buffer.from([0xff, 0xfe, 0x2c, 0x78, 0x0a]),
      Buffer.from('o3,c3\n'),
    ]);
    await writeFile(path.join(on.dir, 'orders.csv'), bytes);
    const result = await watch(on);
    expect(result).toMatchObject({ done: 1, failed: 0, accepted: 7, badRows: 4 });
    const told = await report(on.dir, 'done/orders.csv');
    expect(told).toMatchObject({
      file: 'orders.csv',
      movedTo: 'done/orders.csv',
      status: 'done',
      dataset: 'orders',
      events: 7,
      accepted: 7,
      badRows: 4,
    });
    expect(told.problems.map(({ line, kind, reason }) => [line, kind, reason])).toEqual([
      [3, 'unreadable', '1 cell where the header has 2'],
      [4, 'unreadable', 'text after a closing quote'],
      [6, 'unreadable', 'a NUL byte'],
      [7, 'unreadable', 'not UTF-8'],
    ]);
    expect(told.firstReceipt?.eventId).toBe(headerOf(on.log.appended[0]!, 'ks-event-id'));
    expect(told.lastReceipt?.eventId).toBe(headerOf(on.log.appended.at(-1)!, 'ks-event-id'));
    expect(on.log.appended.map((record) => headerOf(record, 'ks-csv-line')).filter((line) => line !== undefined)).toEqual([
      '3',
      '4',
      '6',
      '7',
    ]);
    expect(await readFile(path.join(on.dir, 'done/orders.csv'))).toEqual(bytes);
  });

  it('takes NDJSON lines byte for byte, gzipped too, under the ids of the same file sent before', async () => {
    const on = await watched();
    const text = '{"order_id": 1.0}\n\n{broken\n';
    await mkdir(path.join(on.dir, 'orders'));
    await writeFile(path.join(on.dir, 'orders', 'monday.jsonl'), text);
    await writeFile(path.join(on.dir, 'orders-2.ndjson.gz'), gzipSync(text));
    expect(await watch(on)).toMatchObject({ done: 2, failed: 0, accepted: 4 });
    expect(on.log.appended.map(({ value }) => Buffer.from(value ?? []).toString()).toSorted()).toEqual([
      '{"order_id": 1.0}',
      '{"order_id": 1.0}',
      '{broken',
      '{broken',
    ]);
    expect(new Set(on.log.appended.map((record) => headerOf(record, 'ks-event-id'))).size).toBe(2);
    expect(await filesIn(path.join(on.dir, 'done'))).toEqual(['orders', 'orders-2.ndjson.gz', 'orders-2.ndjson.gz.report.json']);
    expect(await filesIn(path.join(on.dir, 'done/orders'))).toEqual(['monday.jsonl', 'monday.jsonl.report.json']);
  });

  it('moves what it cannot take whole to failed, with the reason, and keeps its bytes', async () => {
    const on = await watched();
    const whole = gzipSync(Buffer.from(`a,b\n${'x,y\n'.repeat(5000)}`));
    await writeFile(path.join(on.dir, 'orders.csv.gz'), whole.subarray(0, whole.length - 20));
    await writeFile(path.join(on.dir, 'orders-1.csv'), 'a,a\n1,2\n');
    await writeFile(path.join(on.dir, 'whatever.csv'), 'a\n1\n');
    await writeFile(path.join(on.dir, 'orders.gz'), whole);
    await writeFile(path.join(on.dir, 'orders.ndjson'), `{"a":1}\n"${'x'.repeat(1000)}"\n{"a":2}\n`);
    expect(await watch(on)).toMatchObject({ done: 0, failed: 5 });
    expect((await report(on.dir, 'failed/orders.csv.gz')).reason).toMatch(/^orders\.csv\.gz breaks off: /);
    expect((await report(on.dir, 'failed/orders-1.csv')).reason).toMatch(/names the column "a" twice/);
    expect((await report(on.dir, 'failed/whatever.csv')).reason).toMatch(/does not say which dataset/);
    expect((await report(on.dir, 'failed/orders.gz')).reason).toMatch(/has to end in/);
    expect(await report(on.dir, 'failed/orders.ndjson')).toMatchObject({
      reason: '1 lines are too long and were left out',
      accepted: 2,
      leftOut: 1,
      problems: [{ line: 2, kind: 'left-out' }],
    });
    expect(await readFile(path.join(on.dir, 'failed/orders.csv.gz'))).toEqual(whole.subarray(0, whole.length - 20));
  });

  it('puts the file back and says why when the log does not take it, and takes it when the log is back', async () => {
    const on = await watched();
    await writeFile(path.join(on.dir, 'orders.csv'), 'a\n1\n');
    on.log.failWith = new Error('disk is full');
    await expect(watch(on)).rejects.toThrow('disk is full');
    expect(await filesIn(on.dir)).toEqual(['orders.csv']);
    on.log.failWith = undefined;
    expect(await watch(on)).toMatchObject({ done: 1, accepted: 1 });
  });

  it('tries again by itself while it watches, and says what it waits for', async () => {
    const on = await watched();
    await writeFile(path.join(on.dir, 'orders.csv'), 'a\n1\n');
    on.log.failWith = new KeystoneError('KS_LOG', 'broker away');
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const events: WatchEvent[] = [];
    const running = watch(on, { once: false, signal: abort.signal }, (event) => {
      events.push(event);
      if (event.kind === 'waiting') on.log.failWith = undefined;
    });
    await expect.poll(() => filesIn(path.join(on.dir, 'done')), { timeout: 10_000 }).toHaveLength(2);
    abort.abort();
    expect(await running).toMatchObject({ done: 1, accepted: 1, interrupted: null });
    expect(events.filter(({ kind }) => kind === 'waiting')).toEqual([
      { kind: 'waiting', name: 'orders.csv', reason: 'broker away', retryMs: 1000 },
    ]);
  });

  it('puts the file back when there is no room for it and its report, naming what to look at', async () => {
    const on = await watched();
    await writeFile(path.join(on.dir, 'orders.csv'), 'a\n1\n');
    await writeFile(path.join(on.dir, 'done'), 'a file stands where the folder should be');
    await expect(watch(on)).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining(`could not move ${path.join(on.dir, 'orders.csv')}`) as string,
      hint: expect.stringContaining(`df -h ${on.dir}`) as string,
    });
    expect(await filesIn(on.dir)).toEqual(['done', 'orders.csv']);
  });

  it('puts a file back that is written to while it is read, and takes it whole afterwards', async () => {
    const on = await watched();
    const file = path.join(on.dir, 'orders.csv');
    await writeFile(file, 'a\n1\n');
    let open: () => void = () => undefined;
    on.log.gate = new Promise((resolve) => (open = resolve));
    const events: WatchEvent[] = [];
    const abort = new AbortController();
    onTestFinished(() => abort.abort());
    const running = watch(on, { once: false, signal: abort.signal }, (event) => events.push(event));
    await expect.poll(() => filesIn(path.join(on.dir, '.processing'))).toHaveLength(1);
    const [owner = ''] = await filesIn(path.join(on.dir, '.processing'));
    const [claim = ''] = await filesIn(path.join(on.dir, '.processing', owner));
    await appendFile(path.join(on.dir, '.processing', owner, claim, 'orders.csv'), '2\n');
    on.log.gate = undefined;
    open();
    await expect.poll(() => filesIn(path.join(on.dir, 'done'))).toEqual(['orders.csv', 'orders.csv.report.json']);
    abort.abort();
    await running;
    expect(events.filter(({ kind }) => kind === 'waiting')).toMatchObject([
      { name: 'orders.csv', reason: 'it was written to while it was read' },
    ]);
    expect(await report(on.dir, 'done/orders.csv')).toMatchObject({ accepted: 2 });
  });

  it('tells its life in the log: taken, done, failed', async () => {
    const on = await watched();
    await writeFile(path.join(on.dir, 'orders.csv'), 'a\n1\n');
    await writeFile(path.join(on.dir, 'broken.csv.gz'), 'no gzip');
    const lines: object[] = [];
    const take = (event: string, fields: LogFields = {}): void => void lines.push({ event, ...fields });
    const logger = { ...SILENT, info: take, error: take };
    const lakehouse = { ...on.lakehouse, effects: { ...on.lakehouse.effects, logger } };
    await watch({ ...on, lakehouse });
    expect(lines.at(0)).toMatchObject({ event: 'watch.started', dir: on.dir });
    const of = (name: string): readonly object[] => lines.filter((line) => 'file' in line && line.file === name);
    expect(of('orders.csv')).toMatchObject([
      { event: 'file.taken', sizeBytes: 4 },
      { event: 'file.done', movedTo: 'done/orders.csv', events: 1, accepted: 1 },
    ]);
    expect(of('broken.csv.gz')).toMatchObject([
      { event: 'file.taken' },
      { event: 'file.failed', accepted: 0, reason: expect.any(String) as string },
    ]);
    expect(lines.at(-1)).toMatchObject({ event: 'watch.stopped', done: 1, failed: 1 });
  });

  it('counts in a dry run and moves nothing', async () => {
    const on = await watched();
    await writeFile(path.join(on.dir, 'orders.csv'), 'a\n1\n"\n');
    expect(await watch(on, { dryRun: true })).toMatchObject({
      done: 1,
      accepted: 0,
      dryRun: true,
      files: [{ movedTo: null, events: 2, badRows: 1 }],
    });
    expect(await filesIn(on.dir)).toEqual(['orders.csv']);
    expect(on.log.appended).toEqual([]);
  });
});

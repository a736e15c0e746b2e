import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import type { LogRecord } from '../../../src/core/log/event-log.js';
import { isBuilt, runCli, startCli, type CliProcess } from '../../support/cli-process.js';
import { systemEffects } from '../../support/effects.js';
import { headerOf } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';

const TOPIC = 'olist-enterprise-events';

async function project(): Promise<string> {
  const dir = await tempDir();
  await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\n');
  await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
  return dir;
}

async function logged(dir: string): Promise<LogRecord[]> {
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone/log.db'), clock: systemEffects().clock });
  try {
    const records: LogRecord[] = [];
    for (const { partition, startOffset, endOffset } of await log.bounds(TOPIC)) {
      for (let offset = startOffset; offset < endOffset;) {
        const read = await log.read(TOPIC, partition, offset, { maxRecords: 5000, maxBytes: 10_000_000 });
        records.push(...read.records);
        offset = read.nextOffset;
      }
    }
    return records;
  } finally {
    await log.close();
  }
}

async function serve(dir: string, port = 0): Promise<CliProcess & { readonly address: string }> {
  const server = startCli(['ingest', 'serve', '--port', String(port)], { cwd: dir });
  onTestFinished(async () => {
    server.child.kill('SIGKILL');
    await server.ended;
  });
  await expect.poll(() => server.stdout(), { timeout: 20_000 }).toMatch(/Listening on \S+:\d+,/);
  return { ...server, address: /Listening on (\S+),/.exec(server.stdout())?.[1] ?? '' };
}

const json = (text: string): { readonly result: Record<string, unknown>; readonly error: Record<string, unknown> } =>
  JSON.parse(text) as never;
const receiptIds = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8').catch(() => ''))
    .split('\n')
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { event_id: string }).event_id);

describe.skipIf(!isBuilt())('ingest commands (need npm run build)', () => {
  it('keep every acknowledged event when the server is killed, and deliver the rest once it is back', async () => {
    const dir = await project();
    const total = 10_000;
    const file = path.join(dir, 'events.ndjson');
    const filler = 'x'.repeat(2000);
    await writeFile(file, Array.from({ length: total }, (_, n) => `{"order_id":"o${n}","filler":"${filler}"}\n`).join(''));
    const receipts = path.join(dir, 'receipts.ndjson');

    const server = await serve(dir);
    const sender = startCli(['ingest', 'send', file, '--to', server.address, '--receipts', receipts, '--json'], { cwd: dir });
    await expect.poll(async () => (await receiptIds(receipts)).length, { interval: 2, timeout: 20_000 }).toBeGreaterThan(0);
    server.child.kill('SIGKILL');
    await server.ended;
    const acknowledged = await receiptIds(receipts);
    expect(acknowledged.length).toBeLessThan(total);
    const kept = new Set((await logged(dir)).map((record) => headerOf(record, 'ks-event-id')));
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);

    const again = await serve(dir, Number(server.address.split(':').at(-1)));
    const end = await sender.ended;
    expect({ code: end.code, ...json(end.stdout).result }).toMatchObject({ code: 0, accepted: total, refused: 0 });
    expect(new Set(await receiptIds(receipts)).size).toBe(total);
    expect(new Set((await logged(dir)).map((record) => headerOf(record, 'ks-event-id'))).size).toBe(total);
    again.child.kill('SIGTERM');
    expect(await again.ended).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/Done\. \d+ events accepted, 0 refused/) as string,
    });
  });

  it('bring CSV and raw bytes into the log and say what they did', async () => {
    const dir = await project();
    await writeFile(path.join(dir, 'orders.csv'), 'order_id,order_status\na,ok\nb\n');
    const dry = await runCli(['ingest', 'csv', 'orders.csv', '--dry-run', '--json'], { cwd: dir });
    expect(json(dry.stdout).result).toMatchObject({ rows: 2, badRows: 1, accepted: 0, dryRun: true });
    expect(await logged(dir)).toEqual([]);
    const csv = await runCli(['ingest', 'csv', 'orders.csv'], { cwd: dir });
    expect(csv).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('Done. 2 rows (1 unreadable, bound for the error zone)') as string,
    });

    const bytes = Buffer.from([0xff, 0x00, 0x0a]);
    await writeFile(path.join(dir, 'raw.bin'), bytes);
    const raw = await runCli(['ingest', 'send', '--direct', '--raw', 'raw.bin', 'raw.bin'], { cwd: dir });
    expect(raw.code).toBe(0);
    const lines = await runCli(['ingest', 'send', '-', '--direct', '--json'], { cwd: dir, input: '{"a":1}\n\n{"b":2}' });
    expect(json(lines.stdout).result).toMatchObject({ accepted: 2, blankLines: 1, dryRun: false });

    const values = (await logged(dir)).map(({ value }) => Buffer.from(value ?? []).toString('latin1')).toSorted();
    const expected = [
      '{"order_id":"a","order_status":"ok"}',
      'b',
      bytes.toString('latin1'),
      bytes.toString('latin1'),
      '{"a":1}',
      '{"b":2}',
    ];
    expect(values).toEqual(expected.toSorted());
  });

  it('count a replay without sending it, and name what is wrong with its flags', async () => {
    const dir = await project();
    await writeFile(
      path.join(dir, 'orders.csv'),
      'order_id,order_purchase_timestamp\na,2017-10-02 10:00:00\nb,2017-10-02 10:01:40\nc,2017-10-02 10:00:00\n',
    );
    const dry = await runCli(['ingest', 'replay', 'orders.csv', '--speed', '10x', '--dry-run', '--json'], { cwd: dir });
    expect(json(dry.stdout).result).toMatchObject({ events: 3, datasets: { orders: 3 }, paceMs: 10_000, accepted: 0 });
    const limited = await runCli(['ingest', 'replay', 'orders.csv', '--rate', '1000/s', '--limit', '2', '--json'], { cwd: dir });
    expect(json(limited.stdout).result).toMatchObject({ events: 2, accepted: 2 });
    const wrong = await runCli(['ingest', 'replay', 'orders.csv', '--rate', 'fast', '--json'], { cwd: dir });
    expect({ code: wrong.code, ...json(wrong.stdout).error }).toMatchObject({
      code: 'KS_USAGE',
      hint: 'write it like --rate 500/s',
    });
    expect(wrong.code).toBe(2);
  });

  it('name the missing server, the taken port and the missing file with their exit codes', async () => {
    const dir = await project();
    const server = await serve(dir);
    const port = server.address.split(':').at(-1) ?? '';
    const [taken, missing, away] = await Promise.all([
      runCli(['ingest', 'serve', '--port', port, '--json'], { cwd: dir }),
      runCli(['ingest', 'csv', 'nope.csv', '--json'], { cwd: dir }),
      runCli(['ingest', 'send', '--to', '127.0.0.1:1', '--json'], { cwd: dir, input: '{}' }),
    ]);
    expect([taken, missing, away].map(({ code, stdout }) => [code, json(stdout).error['code']])).toEqual([
      [5, 'KS_PORT_IN_USE'],
      [2, 'KS_NOT_FOUND'],
      [5, 'KS_SERVER_UNREACHABLE'],
    ]);
  });

  it('name an address without port, a host that nobody knows, and lines that are too long', async () => {
    const dir = await project();
    await writeFile(path.join(dir, 'orders.csv'), 'order_id\na\n');
    await writeFile(path.join(dir, 'lines.ndjson'), `{"a":1}\n${'x'.repeat(2000)}\n{"a":2}\n`);
    const small = ['--set', 'ingest.maxMessage=1000', '--json'];
    const [noPort, nobody, dry, sent] = await Promise.all([
      runCli(['ingest', 'csv', 'orders.csv', '--to', 'bogus', '--dry-run', '--json'], { cwd: dir }),
      runCli(['ingest', 'send', 'lines.ndjson', '--to', 'nowhere.invalid:50051', '--json'], { cwd: dir }),
      runCli(['ingest', 'send', 'lines.ndjson', '--dry-run', ...small], { cwd: dir }),
      runCli(['ingest', 'send', 'lines.ndjson', '--direct', ...small], { cwd: dir }),
    ]);
    expect({ code: noPort.code, ...json(noPort.stdout).error }).toMatchObject({ code: 'KS_USAGE' });
    expect(json(nobody.stdout).error).toMatchObject({
      code: 'KS_SERVER_UNREACHABLE',
      message: expect.stringContaining('the host nowhere.invalid of nowhere.invalid:50051 is not known') as string,
    });
    for (const { code, stdout } of [dry, sent]) {
      expect({ code, ...json(stdout).result }).toMatchObject({ code: 3, events: 2, failedLines: 1 });
    }
    expect(json(sent.stdout).result).toMatchObject({
      accepted: 2,
      warnings: [expect.stringContaining('line 2 is left out: it is longer than 1000 bytes') as string],
    });
  });

  it('tell a program that starts the server where it listens', async () => {
    const dir = await project();
    const server = startCli(['ingest', 'serve', '--port', '0', '--json'], { cwd: dir });
    onTestFinished(async () => {
      server.child.kill('SIGKILL');
      await server.ended;
    });
    await expect.poll(() => server.stderr(), { timeout: 20_000 }).toContain('\n');
    const { listening } = JSON.parse(server.stderr().split('\n')[0] ?? '') as { listening: { address: string; topic: string } };
    expect(listening).toEqual({
      httpAddress: null,
      address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      topic: TOPIC,
    });
    server.child.kill('SIGTERM');
    const end = await server.ended;
    expect({ code: end.code, ...json(end.stdout).result }).toMatchObject({ code: 0, address: listening.address });
  });

  it('stop on SIGTERM with what was read already durable, while standard input is still open', async () => {
    const dir = await project();
    const receipts = path.join(dir, 'receipts.ndjson');
    const sender = startCli(['ingest', 'send', '--direct', '--receipts', receipts, '--json'], { cwd: dir, holdInput: true });
    sender.child.stdin?.write('{"a":1}\n{"a":2}\n');
    // They go off though the stream goes on.
    await expect.poll(async () => (await receiptIds(receipts)).length, { timeout: 20_000 }).toBe(2);
    sender.child.kill('SIGTERM');
    const end = await sender.ended;
    expect(end.code).toBe(6);
    expect(json(end.stdout).error).toMatchObject({
      code: 'KS_INTERRUPTED',
      message: 'stopped before the end of stdin: 2 events accepted, 0 refused until then',
    });
    expect(await receiptIds(receipts)).toHaveLength(2);
    expect(await logged(dir)).toHaveLength(2);
  });
});

import { cp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import type { LogRecord, NewRecord } from '../../../src/core/log/event-log.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { runGold } from '../../../src/core/gold/run-gold.js';
import { isBuilt, runCli, startCli, type CliProcess } from '../../support/cli-process.js';
import { systemEffects } from '../../support/effects.js';
import { lakeContents } from '../../support/lake-contents.js';
import { headerOf } from '../../support/memory-log.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { smallProject } from '../../support/small-project.js';
import { expectClosed, openLake } from '../../support/violent-project.js';
import { rowsOf } from '../../support/silver-lake.js';
import { appendAt, recordsOf, TOPIC } from './replay-project.js';

const RECORDS = 3_000;
const DAY = Date.UTC(2018, 7, 1);

interface Counts {
  readonly events: number;
  readonly bytes: number;
  readonly datasets: Readonly<Record<string, number>>;
  readonly paceMs: number;
  readonly accepted: number;
}

async function replayed(dir: string, args: readonly string[]): Promise<Counts> {
  const end = await runCli(['ingest', 'replay', ...args, '--json'], { cwd: dir });
  expect(end, end.stderr + end.stdout).toMatchObject({ code: 0 });
  return (JSON.parse(end.stdout) as { readonly result: Counts }).result;
}

async function logOf(dir: string, topic: string): Promise<readonly LogRecord[]> {
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone', 'log.db'), clock: systemEffects().clock });
  const records = await recordsOf(log, topic);
  await log.close();
  return records;
}

/** Consumes and builds gold; what every table then says. */
async function built(dir: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const lake = await openLake(dir);
  const { signal } = new AbortController();
  await runConsumer(lake, { untilCaughtUp: true, signal, onProgress: () => undefined, onNotice: () => undefined });
  await runGold(lake);
  const contents = await lakeContents(lake);
  await lake.close();
  return contents;
}

/**
 * Events of a "day": a batch every ten seconds for a minute and a half. Keyed as Keystone keys them, so that a key's versions share a
 * partition. Without events that claim a known id for another payload: these are a conflict each time they come.
 */
function dayOfEvents(): readonly (readonly [number, readonly NewRecord[]])[] {
  const payloads = new Map<string, string>();
  const records = mixedEvents(300, { seed: 71, partitions: 3 }).flatMap((record): NewRecord[] => {
    const id = headerOf(record as LogRecord, 'ks-event-id') ?? '';
    const payload = Buffer.from(record.value ?? []).toString('latin1');
    if ((payloads.get(id) ?? payload) !== payload) return [];
    payloads.set(id, payload);
    const key = /"order_id":"(\w+)"/.exec(payload)?.[1] ?? id;
    return [{ key: Buffer.from(key), value: record.value, headers: record.headers }];
  });
  records.push({ key: Buffer.from('t'), value: null, headers: [] });
  return Array.from({ length: 10 }, (_, n) => [
    DAY + n * 10_000,
    records.slice((n * records.length) / 10, ((n + 1) * records.length) / 10),
  ]);
}

describe.skipIf(!isBuilt())('ingest replay (needs npm run build)', { timeout: 120_000 }, () => {
  it('of a day from bronze at 60x changes no table under old ids; under new ids the newer versions win', async () => {
    const dir = await smallProject(0);
    await cp(path.resolve('templates/models'), path.join(dir, 'models'), { recursive: true });
    await appendAt(dir, dayOfEvents());
    const before = await built(dir);
    const first = await logOf(dir, TOPIC);
    const args = ['bronze', '--from', '2018-08-01', '--to', '2018-08-02', '--speed', '60x'];
    const dry = await replayed(dir, [...args, '--dry-run']);
    expect(await logOf(dir, TOPIC)).toHaveLength(first.length);
    const startMs = performance.now();
    const { accepted, ...real } = await replayed(dir, args);
    expect(performance.now() - startMs).toBeGreaterThan(1_500);
    expect({ ...dry, dryRun: false }).toEqual({ ...real, accepted: 0 });
    expect(real).toMatchObject({ events: first.length, paceMs: 1_500 });
    expect(accepted).toBe(first.length);
    const bytes = (records: readonly LogRecord[]): number => records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    const second = await logOf(dir, TOPIC);
    expect([second.length, bytes(second) - bytes(first)]).toEqual([2 * first.length, dry.bytes]);

    const after = await built(dir);
    const changed = Object.keys(after).filter((table) => JSON.stringify(after[table]) !== JSON.stringify(before[table]));
    expect(changed).toEqual(['bronze.events', 'ledger.dispositions']);
    const old = new Set(before['ledger.dispositions']);
    const added = (after['ledger.dispositions'] ?? []).filter((row) => !old.has(row));
    expect(added).toHaveLength(first.length);
    expect(added.filter((row) => !row.includes("'verdict': duplicate"))).toEqual([]);
    await expectClosed(dir, 'replayed under old ids');

    const orders =
      'SELECT * EXCLUDE (_topic, _partition, _offset, _event_id, _log_time), _event_id FROM silver.orders ORDER BY order_id';
    const lake = await openLake(dir);
    const versions = await rowsOf(lake, orders);
    const asNew = await replayed(dir, ['topic', '--as-new', '--dataset', 'orders', '--to', '2018-08-02']);
    // The tombstone came without a dataset, so it is one of the default dataset, as in bronze.
    const ofOrders = first.filter((one) => (headerOf(one, 'ks-dataset') ?? 'orders') === 'orders');
    expect(asNew.events).toBe(ofOrders.length);
    await built(dir);
    const newer = await rowsOf(lake, orders);
    await lake.close();
    const content = (rows: typeof newer): unknown => rows.map((row) => ({ ...row, _event_id: null }));
    expect(content(newer)).toEqual(content(versions));
    const oldIds = new Set(versions.map((row) => row['_event_id']));
    expect(newer.filter((row) => oldIds.has(row['_event_id']))).toEqual([]);
    await expectClosed(dir, 'replayed under new ids');
  });

  /** A project with many keyed events, and a paced replay of them into another topic that has begun. */
  async function begun(extra: readonly string[]): Promise<{ readonly dir: string; readonly process: CliProcess }> {
    const dir = await smallProject(0);
    const records = Array.from({ length: RECORDS }, (_, n): NewRecord => ({
      key: Buffer.from(`k${n % 100}`),
      value: Buffer.from(`{"n":${n}}`),
      headers: [{ key: 'ks-event-id', value: Buffer.from(`e${n}`) }],
    }));
    await appendAt(dir, [[DAY, records]]);
    const process = startCli(['ingest', 'replay', 'topic', '--to-topic', 'copy', '--rate', '1000/s', '--json', ...extra], {
      cwd: dir,
    });
    onTestFinished(async () => {
      process.child.kill('SIGKILL');
      await process.ended;
    });
    const progress = path.join(dir, '.keystone', 'replay');
    const done = async (): Promise<number> => {
      const [file] = (await readdir(progress).catch(() => [])).filter((name) => name.endsWith('.json'));
      const text = file === undefined ? '' : await readFile(path.join(progress, file), 'utf8');
      return Number(/"counts":\{"events":(\d+)/.exec(text)?.[1] ?? 0);
    };
    await expect.poll(done, { interval: 20, timeout: 60_000 }).toBeGreaterThan(0);
    return { dir, process };
  }
  /** The events of each key, in their order. */
  const byKey = (records: readonly LogRecord[]): ReadonlyMap<string, readonly number[]> => {
    const keys = new Map<string, number[]>();
    for (const { key, value } of records) {
      const name = Buffer.from(key ?? []).toString();
      const { n } = JSON.parse(Buffer.from(value ?? []).toString()) as { n: number };
      keys.set(name, [...(keys.get(name) ?? []), n]);
    }
    return keys;
  };

  it('stopped by Ctrl-C ends with exit code 6, and the command of its hint goes on without a gap or a double', async () => {
    const { dir, process } = await begun([]);
    process.child.kill('SIGINT');
    const end = await process.ended;
    expect(end, end.stderr).toMatchObject({ code: 6 });
    const { error } = JSON.parse(end.stdout) as { readonly error: { readonly code: string; readonly hint: string } };
    expect(error.code).toBe('KS_INTERRUPTED');
    const half = await logOf(dir, 'copy');
    expect(half.length).toBeGreaterThan(0);
    expect(half.length).toBeLessThan(RECORDS);
    expect(error.hint).toBe('keystone ingest replay topic --to-topic copy --rate 1000/s --json --resume');
    const words = error.hint
      .split(' ')
      .slice(1)
      .filter((word) => word !== '--rate' && word !== '1000/s');
    const rest = await runCli(words, { cwd: dir });
    expect(JSON.parse(rest.stdout), rest.stderr).toMatchObject({ result: { events: RECORDS, accepted: RECORDS, resumed: true } });
    expect(byKey(await logOf(dir, 'copy'))).toEqual(byKey(await logOf(dir, TOPIC)));
    expect(await readdir(path.join(dir, '.keystone', 'replay'))).toEqual([]);
    const again = await runCli(words, { cwd: dir });
    expect(again).toMatchObject({ code: 2 });
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'KS_NOT_FOUND' } });
  });

  it('killed under new ids goes on with --resume: what comes twice is the same event twice', async () => {
    const { dir, process } = await begun(['--as-new']);
    process.child.kill('SIGKILL');
    await process.ended;
    const warned = await runCli(['ingest', 'replay', 'topic', '--to-topic', 'copy', '--as-new', '--dry-run'], { cwd: dir });
    expect(warned.stderr).toMatch(/is unfinished: keystone ingest replay topic .*--resume/);
    const counts = await replayed(dir, ['topic', '--to-topic', 'copy', '--as-new', '--resume']);
    expect(counts.events).toBe(RECORDS);
    const copy = await logOf(dir, 'copy');
    const ids = new Map<string, number>();
    for (const one of copy) {
      const { n } = JSON.parse(Buffer.from(one.value ?? []).toString()) as { readonly n: number };
      const id = headerOf(one, 'ks-event-id') ?? '';
      expect(ids.get(id) ?? n).toBe(n);
      ids.set(id, n);
      expect(headerOf(one, 'ks-replay-of')).toBe(`e${n}`);
    }
    expect(new Set(ids.values()).size).toBe(RECORDS);
    expect(ids.size).toBe(RECORDS);
  });
});

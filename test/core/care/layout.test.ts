/** The layout of bronze: its words, its advice, and its change beside a running consumer. */
import { describe, expect, it } from 'vitest';
import { compactTable } from '../../../src/core/care/compact-table.js';
import { describeLayout } from '../../../src/core/care/describe-layout.js';
import { evolveLayout } from '../../../src/core/care/evolve-layout.js';
import { adviseLayout, bytesText } from '../../../src/core/care/layout-advice.js';
import { layoutText, parseLayout } from '../../../src/core/care/partition-layout.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import { bucketOf } from '../../../src/core/table/bucket-transform.js';
import type { Table } from '../../../src/core/table/table-api.js';
import { testLake } from '../../support/test-lake.js';
import { consume, order, put, rows } from '../silver/consume-support.js';

describe('a layout as text', () => {
  it.each(['day', 'hour', 'hour+bucket:16:source', 'day+bucket:2:dataset'])('%s is read and printed alike', (text) => {
    expect(layoutText(parseLayout(text))).toBe(text);
  });

  it.each([
    'month',
    '',
    'hour+',
    'hour+bucket:16',
    'hour+bucket:1:source',
    'hour+bucket:9999:source',
    'hour+bucket:4:payload',
    'hour+bucket:4:source+x',
  ])('"%s" is refused', (text) => {
    expect(() => parseLayout(text)).toThrow(expect.objectContaining({ code: 'KS_USAGE' }));
  });

  it('is null for a spec of another engine', () => {
    expect(layoutText([{ column: 'log_time', transform: 'month' }])).toBeNull();
    expect(layoutText([])).toBeNull();
  });
});

describe('advice', () => {
  const days = (...bytes: readonly number[]): Parameters<typeof adviseLayout>[0] =>
    bytes.map((one, n) => ({ day: `2017-10-0${n}`, bytes: one }));
  it.each([
    ['nothing yet', days(0, 0, 0), 'day', 0],
    ['just below a terabyte', days(0, 0.9e12, 0.9e12, 5e12), 'day', 2],
    ['a terabyte', days(1e12, 1e12, 0), 'hour', 2],
    ['ten terabytes', days(10e12, 10e12, 1), 'hour+bucket:16:source', 2],
    ['sixty terabytes', days(60e12, 0), 'hour+bucket:128:source', 1],
    ['only today', days(0, 0, 2e12), 'hour', 0],
  ])('%s', (_, given, layout, wholeDays) => {
    expect(adviseLayout(given)).toMatchObject({ layout, wholeDays });
  });

  it('says sizes in decimal units', () => {
    expect([0, 999, 1000, 1.25e12].map(bytesText)).toEqual(['0 bytes', '999 bytes', '1.0 kB', '1.3 TB']);
  });
});

describe('table layout', { timeout: 60_000 }, () => {
  it('changes what is written next, keeps what is there, and readers see both, now and back in time', async () => {
    const { lake } = await testLake();
    await put(lake, [{ id: '1', payload: order('a') }]);
    await consume(lake);
    const bronze = (await lake.table('bronze.events')) as Table;
    const before = (await bronze.state()).currentSnapshot?.id as bigint;
    const dry = await evolveLayout(lake, 'bronze.events', 'hour+bucket:16:source', { dryRun: true });
    expect(dry).toMatchObject({ changed: true, from: 'day(log_time)', to: 'hour(log_time), bucket[16](source)', dryRun: true });
    expect((await bronze.state()).specId).toBe(0);
    expect(await evolveLayout(lake, 'bronze.events', 'hour+bucket:16:source', { dryRun: false })).toMatchObject({
      specId: 1,
      reused: false,
    });
    await put(lake, [
      { id: '2', payload: order('b'), headers: { 'ks-source': 'shop' } },
      { id: '3', payload: order('c'), headers: { 'ks-source': 'market' } },
      { id: '4', payload: order('d') },
    ]);
    await consume(lake);
    const { files } = await bronze.scan();
    expect(files.map(({ specId, partition }) => [specId, partition['source_bucket']]).toSorted()).toEqual(
      [
        [0, undefined],
        [1, bucketOf('shop', 16)],
        [1, bucketOf('market', 16)],
        [1, null],
      ].toSorted(),
    );
    expect(files.find(({ partition }) => partition['source_bucket'] === bucketOf('shop', 16))?.path).toMatch(
      /\/year=\d{4}\/month=\d\d\/day=\d\d\/hour=\d\d\/source_bucket=\d+\//,
    );
    expect((await bronze.scan({ snapshotId: before })).files).toHaveLength(1);
    expect(await rows(lake, 'SELECT event_id FROM bronze.events ORDER BY 1')).toHaveLength(4);
    expect(await rows(lake, 'SELECT order_id FROM silver.orders ORDER BY 1')).toHaveLength(4);
    for (const deep of [false, true]) expect(await verifyLedger(lake, { deep })).toMatchObject({ closed: true, breaks: [] });
    const layout = await describeLayout(lake, 'bronze.events');
    expect(layout.layout).toBe('hour+bucket:16:source');
    expect(layout.specs).toMatchObject([
      { specId: 0, current: false, files: 1, rows: 1 },
      { specId: 1, current: true, files: 3, rows: 3 },
    ]);
    expect(layout.days).toHaveLength(7);
    expect(layout.days.at(-1)?.bytes).toBe(files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    expect(layout.advice).toMatchObject({ layout: 'day' });
    expect(await evolveLayout(lake, 'bronze.events', 'day', { dryRun: false })).toMatchObject({
      specId: 0,
      reused: true,
      changed: true,
    });
    expect(await evolveLayout(lake, 'bronze.events', 'day', { dryRun: false })).toMatchObject({ changed: false });
  });

  it('is taken up by a running consumer at its next batch', async () => {
    const { lake } = await testLake({ consume: { flushInterval: '50ms' } });
    await put(lake, [{ id: '0', payload: order('o0') }]);
    const stop = new AbortController();
    const running = runConsumer(lake, { untilCaughtUp: false, signal: stop.signal });
    const bronze = async (): Promise<Table | null> => lake.table('bronze.events');
    const landed = (n: number): Promise<unknown> =>
      expect.poll(async () => (await (await bronze())?.scan())?.recordCount ?? 0, { timeout: 15_000 }).toBe(n);
    await landed(1);
    for (const [n, layout] of ['hour', 'hour+bucket:4:source', 'day'].entries()) {
      await evolveLayout(lake, 'bronze.events', layout, { dryRun: false });
      await put(lake, [{ id: `${n + 1}`, payload: order(`o${n + 1}`) }]);
      await landed(n + 2);
    }
    await expect.poll(async () => (await rows(lake, 'SELECT order_id FROM silver.orders')).length, { timeout: 15_000 }).toBe(4);
    stop.abort();
    await running;
    const specs = (await (await bronze())?.scan())?.files.map(({ specId }) => specId).toSorted();
    expect(specs).toEqual([0, 0, 1, 2]);
    expect(await verifyLedger(lake, { deep: true })).toMatchObject({ closed: true, breaks: [] });
  });

  it('lets compaction merge the files of each spec among themselves', async () => {
    const { lake } = await testLake({ partitions: 1 });
    for (const [n, layout] of ['day', 'hour+bucket:2:source', 'hour+bucket:2:source', 'day'].entries()) {
      if (n > 0) await evolveLayout(lake, 'bronze.events', layout, { dryRun: false });
      for (const source of ['shop', 'market']) {
        await put(lake, [{ id: `${n}${source}`, payload: order(`${n}${source}`), headers: { 'ks-source': source } }]);
        await consume(lake);
      }
    }
    const bronze = (await lake.table('bronze.events')) as Table;
    const session = await lake.duck();
    const policy = { smallFileBytes: 1e9, targetFileBytes: 1e9, minFiles: 2, tiered: false };
    await compactTable(session, bronze, { policy, randomBytes: lake.effects.randomBytes });
    await session.close();
    const { files } = await bronze.scan();
    const buckets = new Set(['shop', 'market'].map((source) => bucketOf(source, 2)));
    expect(files.map(({ specId }) => specId).toSorted()).toEqual([0, ...[...buckets].map(() => 1)]);
    expect(files.reduce((sum, { recordCount }) => sum + recordCount, 0)).toBe(8);
    expect(await verifyLedger(lake, { deep: true })).toMatchObject({ closed: true, breaks: [] });
  });

  it('is refused for tables whose layout belongs to somebody else, and for those that are not there', async () => {
    const { lake } = await testLake();
    await put(lake, [{ id: '1', payload: order('a') }]);
    await consume(lake);
    const refused = (name: string): Promise<unknown> => evolveLayout(lake, name, 'hour', { dryRun: true });
    await expect(refused('silver.orders')).rejects.toMatchObject({
      code: 'KS_USAGE',
      message: expect.stringContaining('contract'),
    });
    await expect(refused('ledger.dispositions')).rejects.toMatchObject({ code: 'KS_USAGE' });
    await expect(refused('silver.nothing')).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    expect((await describeLayout(lake, 'silver.orders')).advice).toBeNull();
  });
});

import { gzipSync } from 'node:zlib';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import type { NewRecord } from '../../../src/core/log/event-log.js';
import { openSource } from '../../../src/core/replay/open-source.js';
import type { ReplayEvent } from '../../../src/core/replay/replay-event.js';
import { printTraceLine } from '../../../src/core/replay/trace-lines.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { headerOf } from '../../support/memory-log.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';
import { appendAt, contentOf, NOTHING_ASKED, record, recordsOf, replay, TOPIC } from './replay-project.js';

const { signal } = new AbortController();
const open = { fromUs: undefined, toUs: undefined };
const DAY = Date.UTC(2018, 7, 1);
const minutes = (n: number): number => DAY + n * 60_000;

const consume = (lake: Lakehouse): Promise<unknown> =>
  runConsumer(lake, { untilCaughtUp: true, signal, onProgress: () => undefined, onNotice: () => undefined });

const eventsOf = async (
  lake: Lakehouse,
  source: string,
  next: ReadonlyMap<string, number> = new Map(),
): Promise<ReplayEvent[]> => {
  const opened = await openSource(lake, { ...NOTHING_ASKED, sources: [source], range: open, saved: undefined, signal });
  const events: ReplayEvent[] = [];
  for await (const batch of opened.events(next, signal)) events.push(...batch);
  // Lines are counted by reading them alone.
  if (next.size === 0) expect([undefined, events.length]).toContain(opened.totalEvents);
  await opened.close();
  return events;
};
const printed = (event: ReplayEvent): string => `${placeOf(event)} ${printTraceLine(event)}`;
const placeOf = ({ stream, position }: ReplayEvent): string => `${stream}@${position}`;
/** Events of ten batches, a minute apart, in three partitions. */
const tenMinutes = (events = 300, seed = 41): readonly (readonly [number, readonly NewRecord[]])[] => {
  const records = mixedEvents(events, { seed, partitions: 3 });
  return Array.from({ length: 10 }, (_, n) => [minutes(n), records.slice((n * events) / 10, ((n + 1) * events) / 10)] as const);
};

describe('the sources of a replay', { timeout: 60_000 }, () => {
  it('give the same events in the same order from the topic, bronze, its files and a trace, and go on anywhere', async () => {
    const { lake, dir } = await testLake({ consume: { flushRows: 150 } });
    await appendAt(dir, tenMinutes());
    await consume(lake);
    const topic = await eventsOf(lake, 'topic');
    expect(topic).toHaveLength(300);
    const times = topic.map(({ origin }) => origin?.timestampUs ?? 0);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    const bronze = await eventsOf(lake, 'bronze');
    expect(bronze.map(printed)).toEqual(topic.map(printed));
    const trace = path.join(dir, 'trace.parquet');
    await record(lake, { out: trace });
    expect((await eventsOf(lake, trace)).map(({ origin }) => origin)).toEqual(topic.map(({ origin }) => origin));
    for (const cut of [1, 150, 299]) {
      const next = new Map<string, number>();
      for (const event of topic.slice(0, cut)) next.set(event.stream, event.position + 1);
      const rest = topic.slice(cut).map(placeOf);
      expect((await eventsOf(lake, 'topic', next)).map(placeOf)).toEqual(rest);
      expect((await eventsOf(lake, 'bronze', next)).map(placeOf)).toEqual(rest);
      expect(await eventsOf(lake, trace, new Map([['0', cut]]))).toHaveLength(300 - cut);
    }
    const files =
      (await (await lake.table('bronze.events'))?.scan())?.files.map((file) => file.path.replace('file://', '')) ?? [];
    expect(files.length).toBeGreaterThan(3);
    expect(await replay(lake, { sources: files, dryRun: true })).toMatchObject({ events: 300 });
  });

  it('choose by log time, dataset and condition alike; the end of the range is outside', async () => {
    const { lake, dir } = await testLake();
    await appendAt(dir, tenMinutes());
    await consume(lake);
    const trace = path.join(dir, 'trace.ndjson');
    await record(lake, { out: trace });
    const chosen = { from: '2018-08-01T00:02:00Z', to: '2018-08-01 00:05' };
    const where = "payload->>'order_status' = 'created' AND kafka_partition < 2 AND log_time < TIMESTAMP '2018-08-01 00:04:30'";
    const expected = (await eventsOf(lake, 'topic')).filter(({ dataset, origin, payload }) => {
      const at = (origin?.timestampUs ?? 0) / 1000;
      const isCreated = (payload && Buffer.from(payload).toString('latin1').includes('"order_status":"created"')) ?? false;
      return dataset === 'orders' && at >= minutes(2) && at < minutes(4.5) && isCreated && (origin?.partition ?? 2) < 2;
    });
    expect(expected.length).toBeGreaterThan(3);
    for (const source of ['topic', 'bronze', trace]) {
      expect(await replay(lake, { sources: [source], ...chosen, dryRun: true }), source).toMatchObject({ events: 90 });
      expect(await replay(lake, { sources: [source], ...chosen, dataset: 'orders', where, dryRun: true }), source).toMatchObject({
        events: expected.length,
        bytes: expected.reduce((sum, { payload }) => sum + (payload?.length ?? 0), 0),
        datasets: { orders: expected.length },
      });
    }
  });

  it('ends although the topic is replayed into itself, and keeps each event in its partition', async () => {
    const { lake, dir } = await testLake();
    await appendAt(dir, tenMinutes());
    const before = await recordsOf(await lake.log());
    expect(await replay(lake, {})).toMatchObject({ events: 300, accepted: 300, refused: 0 });
    const after = await recordsOf(await lake.log());
    expect(after).toHaveLength(600);
    for (const partition of [0, 1, 2]) {
      const old = before.filter((one) => one.partition === partition).map(contentOf);
      expect(after.filter((one) => one.partition === partition).map(contentOf)).toEqual([...old, ...old]);
    }
  });

  it('write to another topic, under new ids that a second run of the same replay repeats', async () => {
    const { lake, dir } = await testLake();
    await appendAt(dir, tenMinutes(60));
    const before = await recordsOf(await lake.log());
    expect(await replay(lake, { toTopic: 'rehearsal', asNew: true, dataset: 'orders' })).toMatchObject({ refused: 0 });
    expect(await recordsOf(await lake.log())).toHaveLength(60);
    const orders = before.filter((one) => headerOf(one, 'ks-dataset') === 'orders');
    const copies = await recordsOf(await lake.log(), 'rehearsal');
    expect(copies.map((one) => headerOf(one, 'ks-replay-of')).toSorted()).toEqual(
      orders.map((one) => headerOf(one, 'ks-event-id')).toSorted(),
    );
    const ids = copies.map((one) => headerOf(one, 'ks-event-id'));
    // What came twice under one id comes twice under one again.
    expect(new Set(ids).size).toBe(new Set(orders.map((one) => headerOf(one, 'ks-event-id'))).size);
    await replay(lake, { toTopic: 'another', asNew: true, dataset: 'orders' });
    const others = (await recordsOf(await lake.log(), 'another')).map((one) => headerOf(one, 'ks-event-id'));
    expect(others.filter((id) => ids.includes(id))).toEqual([]);
  });

  it('look back: bronze as it was, and offsets that a snapshot carries', async () => {
    const { lake, dir } = await testLake();
    const [first, second] = [tenMinutes(100, 1), tenMinutes(50, 2)];
    await appendAt(dir, first);
    await consume(lake);
    const bronze = await lake.table('bronze.events');
    const then = (await bronze?.state())?.currentSnapshot;
    await appendAt(
      dir,
      second.map(([atMs, records]) => [atMs + 3_600_000, records] as const),
    );
    await consume(lake);
    const dry = (options: Parameters<typeof replay>[1]) => replay(lake, { dryRun: true, ...options });
    expect(await dry({ sources: ['bronze'] })).toMatchObject({ events: 150 });
    expect(await dry({ sources: ['bronze'], asOf: String(then?.id) })).toMatchObject({ events: 100 });
    const at = new Date((then?.timestampMs ?? 0) + 1).toISOString();
    expect(await dry({ sources: ['bronze'], asOf: at })).toMatchObject({ events: 100 });
    const fromCheckpoint = `bronze.events@${then?.id}`;
    expect(await dry({ fromCheckpoint })).toMatchObject({ events: 50 });
    expect(await dry({ sources: ['bronze'], fromCheckpoint })).toMatchObject({ events: 50 });
    await expect(dry({ sources: ['bronze'], asOf: '1' })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await expect(dry({ asOf: '1' })).rejects.toMatchObject({ code: 'KS_USAGE' });
    await expect(dry({ fromCheckpoint: 'silver.nothing@1' })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await expect(dry({ fromCheckpoint: 'silver.orders' })).rejects.toMatchObject({ code: 'KS_USAGE' });
    await expect(dry({ sources: ['topic', 'bronze'] })).rejects.toMatchObject({ code: 'KS_USAGE' });
  });

  it('are plain files too: the same rows as CSV, gzip, NDJSON and Parquet are the same events', async () => {
    const { lake } = await testLake();
    const dir = await tempDir();
    const csv = 'order_id,order_status\na,created\nb,"ship""ped"\n';
    const lines = '{"order_id":"a","order_status":"created"}\n{"order_id":"b","order_status":"ship\\"ped"}\n';
    const file = (name: string): string => path.join(dir, name);
    await writeFile(file('orders.csv'), csv);
    await writeFile(file('orders.csv.gz'), gzipSync(csv));
    await writeFile(file('orders.ndjson'), lines);
    const session = await lake.duck();
    await session.run(
      `COPY (SELECT * FROM (VALUES ('a', 'created'), ('b', 'ship"ped')) t(order_id, order_status)) TO '${file('orders.parquet')}' (FORMAT parquet)`,
    );
    await session.run(
      `COPY (SELECT 1.20::DECIMAL(9,2) AS price, TIMESTAMP '2018-08-01 10:00:00' AS at, '\\xFF'::BLOB AS b, NULL::INT AS n) TO '${file('odd.parquet')}' (FORMAT parquet)`,
    );
    await session.close();
    const seen: string[][] = [];
    for (const name of ['orders.csv', 'orders.csv.gz', 'orders.ndjson', 'orders.parquet']) {
      const events = await eventsOf(lake, file(name));
      seen.push(events.map(({ eventId, key, payload }) => `${String(eventId)} ${String(key)} ${String(payload)}`));
      expect(events.map(({ dataset, source }) => [dataset, source])).toEqual([
        ['orders', name],
        ['orders', name],
      ]);
    }
    expect(new Set(seen.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(await replay(lake, { sources: [file('orders.csv'), file('orders.parquet')], limit: 3 })).toMatchObject({
      accepted: 3,
    });
    await replay(lake, { sources: [file('odd.parquet')], dataset: 'order_items' });
    const last = (await recordsOf(await lake.log())).find((one) => headerOf(one, 'ks-dataset') === 'order_items');
    expect(Buffer.from(last?.value ?? []).toString()).toBe('{"price":"1.20","at":"2018-08-01 10:00:00","b":"/w==","n":null}');
    const range = { from: '2018-08-01' };
    await expect(replay(lake, { sources: [file('orders.csv')], ...range })).rejects.toMatchObject({ code: 'KS_USAGE' });
    await expect(replay(lake, { sources: [file('odd.parquet')] })).rejects.toMatchObject({ code: 'KS_USAGE' });
    await expect(replay(lake, { sources: [file('none.csv')] })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await writeFile(file('bad.parquet'), 'PAR1');
    await expect(replay(lake, { sources: [file('bad.parquet')] })).rejects.toMatchObject({ code: 'KS_CHECK_FAILED' });
  });

  it('name the topic that does not exist', async () => {
    const { lake } = await testLake();
    await expect(replay(lake, {})).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      message: expect.stringContaining(TOPIC) as string,
    });
    await expect(replay(lake, { sources: ['bronze'] })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });
});

/** From log to silver: every class of event ends in exactly one place, whatever was there before. */
import { expect, test } from 'vitest';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { testLake } from '../../support/test-lake.js';
import { consume, order, put, rows } from './consume-support.js';

const closes = async (lake: Lakehouse): Promise<void> => {
  const account = await verifyLedger(lake, { deep: true });
  expect(account.breaks).toEqual([]);
  expect(account.closed).toBe(true);
  expect((await verifyLedger(lake, { deep: false })).closed).toBe(true);
};

const dispositions = (lake: Lakehouse): Promise<readonly Record<string, unknown>[]> =>
  rows(
    lake,
    `SELECT event_id, verdict, array_to_string(reasons, ' ') AS reasons, winner_offset FROM ledger.dispositions ORDER BY kafka_partition, kafka_offset`,
  );

test('good events become typed rows that carry their origin, in the directories people expect', async () => {
  const { lake } = await testLake();
  await put(lake, [{ id: 'e1', payload: order('a') }]);
  const totals = await consume(lake);
  expect(totals).toMatchObject({ landed: 1, caughtUp: true, derived: { events: 1, silver: { orders: 1 } } });
  expect(
    await rows(
      lake,
      'SELECT order_id, order_purchase_timestamp, year, month, day, _topic, _partition, _offset, _event_id FROM silver.orders',
    ),
  ).toEqual([
    {
      order_id: 'a',
      order_purchase_timestamp: '2017-10-02 10:56:33',
      year: 2017,
      month: 10,
      day: 2,
      _topic: 'olist-enterprise-events',
      _partition: 0,
      _offset: 0,
      _event_id: 'e1',
    },
  ]);
  const silver = await lake.table('silver.orders');
  expect((await silver?.scan())?.files[0]?.path).toMatch(/silver\/orders\/data\/year=2017\/month=10\/day=02\/[^/]+\.parquet$/);
  const bronze = await lake.table('bronze.events');
  expect((await bronze?.scan())?.files[0]?.path).toMatch(/\/olist-enterprise-events-0-0-0-[0-9a-f]{16}\.parquet$/);
  await closes(lake);
});

test('what cannot be parsed goes to the error zone, what breaks the contract to quarantine', async () => {
  const { lake } = await testLake();
  await put(lake, [
    { id: 'tombstone', payload: null },
    { id: 'empty', payload: '' },
    { id: 'utf8', payload: Uint8Array.of(0x7b, 0xff, 0x7d) },
    { id: 'json', payload: '{"order_id": ' },
    { id: 'trailing', payload: '{"order_id":"a",}' },
    { id: 'nan', payload: '{"order_id":NaN}' },
    { id: 'csv', payload: '5', headers: { 'ks-csv-line': '17', 'ks-csv-error': 'ragged row' } },
    { id: 'array', payload: '[1]' },
    { id: 'unknown', dataset: 'spectrum', payload: { a: '1' } },
    { id: 'missing', payload: order('m', { customer_id: null }) },
    { id: 'type', payload: order('t', { order_approved_at: 'yesterday' }) },
    { id: 'rule', payload: order('r', { order_delivered_customer_date: '2017-10-01 00:00:00' }) },
    {
      id: 'price',
      dataset: 'order_items',
      payload: {
        order_id: 'a',
        order_item_id: 1,
        price: 0,
        freight_value: '1.10',
        shipping_limit_date: '2017-10-02 00:00:00',
        product_id: 'p',
        seller_id: 's',
      },
    },
  ]);
  await consume(lake);
  expect(await rows(lake, 'SELECT event_id, class, csv_line FROM error.events ORDER BY kafka_offset')).toEqual([
    { event_id: 'tombstone', class: 'tombstone', csv_line: null },
    { event_id: 'empty', class: 'empty', csv_line: null },
    { event_id: 'utf8', class: 'invalid_utf8', csv_line: null },
    { event_id: 'json', class: 'invalid_json', csv_line: null },
    { event_id: 'trailing', class: 'invalid_json', csv_line: null },
    { event_id: 'nan', class: 'invalid_json', csv_line: null },
    { event_id: 'csv', class: 'invalid_csv', csv_line: 17 },
  ]);
  const quarantined = await rows(
    lake,
    `SELECT event_id, array_to_string(reasons, ' ') AS reasons, partition_hint FROM quarantine.events ORDER BY kafka_offset`,
  );
  expect(quarantined).toMatchObject([
    { event_id: 'array', reasons: 'not_object' },
    { event_id: 'unknown', reasons: 'unknown_dataset' },
    { event_id: 'missing', reasons: 'missing:customer_id', partition_hint: '2017-10-02' },
    { event_id: 'type', reasons: 'bad_type:order_approved_at' },
    { event_id: 'rule', reasons: expect.stringMatching(/^rule:/) as unknown },
    { event_id: 'price', reasons: expect.stringMatching(/^rule:/) as unknown, partition_hint: '2017-10' },
  ]);
  expect(await dispositions(lake)).toHaveLength(13);
  await closes(lake);
});

test('a byte that SQL text cannot hold is an event like any other', async () => {
  const { lake } = await testLake();
  await put(lake, [
    { id: 'nul', payload: '\0' },
    { id: 'nul in an object', payload: '{"a":\0}' },
    { id: 'quote', payload: `{"a":'}` },
    { id: 'lone surrogate', payload: String.raw`{"order_id":"\ud800"}` },
    { id: 'nul\0id', payload: '{' },
    { id: 'good', payload: order('a') },
  ]);
  await consume(lake);
  const faults = await rows(lake, 'SELECT event_id, class, detail FROM error.events ORDER BY kafka_offset');
  expect(faults).toMatchObject([
    { event_id: 'nul', class: 'invalid_json', detail: String.raw`Unexpected token '\u0000'` },
    { event_id: 'nul in an object', class: 'invalid_json', detail: String.raw`Unexpected token '\u0000'` },
    { event_id: 'quote', class: 'invalid_json', detail: expect.stringContaining('Unexpected token') as unknown },
    { event_id: 'lone surrogate', class: 'invalid_json', detail: 'an escape is no Unicode text (a lone surrogate)' },
    { event_id: 'nul\0id', class: 'invalid_json', detail: expect.stringContaining('JSON') as unknown },
  ]);
  expect(await rows(lake, 'SELECT order_id FROM silver.orders')).toEqual([{ order_id: 'a' }]);
  await closes(lake);
});

test('the newest version of a key stands, a resent old one never replaces it, duplicates change nothing', async () => {
  const { lake } = await testLake();
  await put(lake, [
    { id: 'v1', payload: order('a', { order_status: 'created' }) },
    { id: 'v2', payload: order('a', { order_status: 'shipped' }) },
    { id: 'other', payload: order('b') },
  ]);
  await consume(lake);
  await put(lake, [
    { id: 'v1', payload: order('a', { order_status: 'created' }) },
    { id: 'v3', payload: order('a', { order_status: 'delivered' }) },
    { id: 'v2', payload: order('a', { order_status: 'changed under the same id' }) },
    { id: 'v3', payload: order('a', { order_status: 'delivered' }) },
  ]);
  await consume(lake);
  expect(await rows(lake, 'SELECT order_id, order_status, _event_id FROM silver.orders ORDER BY order_id')).toEqual([
    { order_id: 'a', order_status: 'delivered', _event_id: 'v3' },
    { order_id: 'b', order_status: 'delivered', _event_id: 'other' },
  ]);
  expect(await dispositions(lake)).toEqual([
    { event_id: 'v1', verdict: 'superseded', reasons: '', winner_offset: 1 },
    { event_id: 'v2', verdict: 'superseded', reasons: '', winner_offset: 4 },
    { event_id: 'v1', verdict: 'duplicate', reasons: '', winner_offset: 0 },
    { event_id: 'v2', verdict: 'quarantined', reasons: 'event_id_conflict', winner_offset: 1 },
    { event_id: 'v3', verdict: 'duplicate', reasons: '', winner_offset: 4 },
  ]);
  await closes(lake);
});

test('events under one id are compared byte for byte, text or not, in one range and across ranges', async () => {
  const { lake } = await testLake();
  const broken = Uint8Array.of(0x7b, 0xff, 0x7d);
  const other = Uint8Array.of(0x7b, 0xfe, 0x7d);
  await put(lake, [
    { id: 'broken', payload: broken },
    { id: 'gone', payload: null },
    { id: 'text', payload: order('a') },
    { id: 'broken', payload: broken },
  ]);
  await consume(lake);
  await put(lake, [
    { id: 'broken', payload: broken },
    { id: 'broken', payload: other },
    { id: 'gone', payload: null },
    { id: 'gone', payload: order('b') },
    { id: 'text', payload: null },
    { id: 'text', payload: order('a') },
  ]);
  await consume(lake);
  expect((await dispositions(lake)).map((row) => Object.values(row).join(' '))).toEqual([
    'broken error invalid_utf8 ',
    'gone error tombstone ',
    'broken duplicate  0',
    'broken duplicate  0',
    'broken error invalid_utf8 0',
    'gone duplicate  1',
    'gone quarantined event_id_conflict 1',
    'text error tombstone 2',
    'text duplicate  2',
  ]);
  await closes(lake);
});

test('an event that was rejected as a conflict and comes again is a duplicate: a replay adds nothing to quarantine', async () => {
  const { lake } = await testLake();
  const conflict = { id: 'e', payload: order('a', { order_status: 'changed' }) };
  const unreadable = { id: 'e', payload: '{"order_id": ' };
  await put(lake, [{ id: 'e', payload: order('a') }, conflict, unreadable]);
  await consume(lake);
  const rejected = ['e quarantined event_id_conflict 0', 'e error invalid_json 0'];
  const verdicts = async (): Promise<readonly string[]> => (await dispositions(lake)).map((row) => Object.values(row).join(' '));
  expect(await verdicts()).toEqual(rejected);
  // By a builder that has seen it, and by one that reads the tables anew; twice in one range too.
  for (const round of [1, 2]) {
    await put(lake, [
      { id: 'e', payload: order('a') },
      conflict,
      conflict,
      unreadable,
      { id: `x${round}`, payload: order(`x${round}`) },
    ]);
    await consume(lake);
  }
  expect(await verdicts()).toEqual([...rejected, ...Array.from({ length: 8 }, () => 'e duplicate  0')]);
  await put(lake, [
    { id: 'new', payload: order('n') },
    { id: 'new', payload: order('n', { order_status: 'one' }) },
    { id: 'new', payload: order('n', { order_status: 'two' }) },
    { id: 'new', payload: order('n', { order_status: 'one' }) },
  ]);
  await consume(lake);
  expect((await verdicts()).slice(-3)).toEqual([
    'new quarantined event_id_conflict 13',
    'new quarantined event_id_conflict 13',
    'new duplicate  13',
  ]);
  expect(await rows(lake, 'SELECT count(*) AS n FROM quarantine.events')).toEqual([{ n: 3 }]);
  await closes(lake);
});

test('a key that moves between days leaves its old partition, and its neighbours stay', async () => {
  const { lake } = await testLake();
  await put(lake, [
    { id: '1', payload: order('a') },
    { id: '2', payload: order('b') },
  ]);
  await consume(lake);
  await put(lake, [{ id: '3', payload: order('a', { order_purchase_timestamp: '2017-10-03 00:00:00' }) }]);
  await consume(lake);
  expect(await rows(lake, 'SELECT order_id, day FROM silver.orders ORDER BY order_id')).toEqual([
    { order_id: 'a', day: 3 },
    { order_id: 'b', day: 2 },
  ]);
  await closes(lake);
});

test('a dataset without a key keeps every event once', async () => {
  const { lake } = await testLake();
  const place = {
    geolocation_zip_code_prefix: '01037',
    geolocation_lat: '-23.5',
    geolocation_lng: '-46.6',
    geolocation_city: 'sao paulo',
    geolocation_state: 'SP',
  };
  await put(
    lake,
    ['g1', 'g2', 'g1'].map((id) => ({ id, dataset: 'geolocation', payload: place })),
  );
  await consume(lake);
  expect(await rows(lake, 'SELECT count(*) AS n FROM silver.geolocation')).toEqual([{ n: 2 }]);
  await closes(lake);
});

test('everything sent a second time is counted as duplicate and rewrites no file', async () => {
  const { lake } = await testLake();
  const events = [
    { id: 'good', payload: order('a') },
    { id: 'bad', payload: '{' },
    { id: 'rule', payload: order('r', { customer_id: '' }) },
  ];
  await put(lake, events);
  await consume(lake);
  const before = await Promise.all(
    ['silver.orders', 'error.events', 'quarantine.events'].map(async (name) =>
      (await (await lake.table(name as never))?.scan())?.files.map(({ path }) => path),
    ),
  );
  await put(
    lake,
    events.map((event) => ({ ...event, partition: 1 })),
  );
  const totals = await consume(lake);
  expect(totals.derived).toMatchObject({ events: 3, duplicate: 3, silver: {}, error: 0, quarantined: 0 });
  const after = await Promise.all(
    ['silver.orders', 'error.events', 'quarantine.events'].map(async (name) =>
      (await (await lake.table(name as never))?.scan())?.files.map(({ path }) => path),
    ),
  );
  expect(after).toEqual(before);
  await closes(lake);
});

test('small batches give the same tables as one large batch', async () => {
  const events = Array.from({ length: 200 }, (_, n) => ({
    id: `e${n % 150}`,
    partition: n % 3,
    payload: n % 10 === 3 ? '{"broken' : order(`o${n % 40}`, { order_status: `s${n % 150}` }),
  }));
  const results: unknown[] = [];
  for (const flushRows of [1_000, 7]) {
    const { lake } = await testLake({ consume: { flushRows } });
    for (const event of events) await put(lake, [event]);
    await consume(lake);
    await closes(lake);
    results.push(await rows(lake, 'SELECT order_id, _event_id, _partition, _offset FROM silver.orders ORDER BY 1'));
    results.push(
      await rows(lake, 'SELECT kafka_partition AS p, kafka_offset AS o, verdict FROM ledger.dispositions ORDER BY 1, 2'),
    );
  }
  // Winners by log time; both runs append in the same order, one record at a time.
  expect(results[2]).toEqual(results[0]);
  expect(results[3]).toEqual(results[1]);
});

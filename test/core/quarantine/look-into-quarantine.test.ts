import { describe, expect, it } from 'vitest';
import { BRONZE_EVENTS } from '../../../src/core/bronze/bronze-events.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { payloadShape } from '../../../src/core/quarantine/payload-shape.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../../../src/core/quarantine/quarantine-tables.js';
import { parseDimensions, quarantineStats } from '../../../src/core/quarantine/quarantine-stats.js';
import { sampleQuarantine } from '../../../src/core/quarantine/sample-quarantine.js';
import { searchQuarantine, type SearchOptions } from '../../../src/core/quarantine/search-quarantine.js';
import { timeBound } from '../../../src/core/quarantine/time-bound.js';
import { addRows, lakeWithRejects } from '../../support/lake-with-rejects.js';
import { testLake } from '../../support/test-lake.js';

const ALL = { zone: 'all', time: 'logged' } as const;

/**
 * 4,000 events of `orders` landed, `web` and `app` in turn, on two days; of the first day's every fourth, of the second day's every other of
 * `app` alone is in quarantine, and three events of other kinds in the error zone.
 */
async function busyLake(): Promise<Lakehouse> {
  const { lake } = await testLake();
  const event = `'events' AS topic, 0 AS kafka_partition, i AS kafka_offset, TIMESTAMP '2018-08-01' + INTERVAL (i // 2000) DAY + INTERVAL (i % 2000) SECOND AS log_time,
    TIMESTAMP '2018-08-05' AS ingested_at, 'id' || i AS event_id, 'orders' AS dataset, CASE i % 2 WHEN 0 THEN 'web' ELSE 'app' END AS source, NULL::BLOB AS "key",
    []::STRUCT("key" VARCHAR, "value" BLOB)[] AS headers`;
  await addRows(lake, BRONZE_EVENTS, `SELECT ${event}, '{}'::BLOB AS payload FROM range(4000) t(i)`);
  await addRows(
    lake,
    QUARANTINE_EVENTS,
    `SELECT ${event}, encode(CASE WHEN i % 8 = 0 THEN '{"order_id":"' || i || '","price":' || i || '}' ELSE '{"price":' || i || '.5,"order_id":"' || i || '"}' END) AS payload,
       CASE WHEN i < 2000 THEN ['rule:price', 'missing:customer_id'] ELSE ['rule:price'] END AS reasons, '1.' || (i // 2000) AS contract_version,
       NULL::VARCHAR AS partition_hint, TIMESTAMP '2018-08-06' AS processed_at
     FROM range(4000) t(i) WHERE (i < 2000 AND i % 4 = 0) OR (i >= 2000 AND i % 4 = 1)`,
  );
  await addRows(
    lake,
    ERROR_EVENTS,
    `SELECT ${event}, CASE i WHEN 2 THEN '\\xFF\\x00\\x1Bwrong'::BLOB WHEN 6 THEN NULL ELSE encode('7;São;') END AS payload,
       CASE i WHEN 2 THEN 'invalid_utf8' WHEN 6 THEN 'tombstone' ELSE 'invalid_csv' END AS class, CASE i WHEN 2 THEN 'byte 0' WHEN 6 THEN NULL ELSE '3 fields instead of ' || i END AS detail,
       CASE WHEN i > 6 THEN i END AS csv_line, TIMESTAMP '2018-08-06 12:00:00' AS processed_at FROM (VALUES (2), (6), (10), (14)) t(i)`,
  );
  return lake;
}

describe('quarantineStats', () => {
  it('counts by dataset and reason, with share, first and last, and trend', async () => {
    const lake = await busyLake();
    const stats = await quarantineStats(lake, { ...ALL, by: ['dataset', 'reason'], limit: 10 });
    expect(stats).toMatchObject({ total: 1004, groups: 5, from: '2018-08-01 00:00:00', to: '2018-08-02 00:33:17' });
    expect(stats.rows[0]).toEqual({
      dataset: 'orders',
      reason: 'rule:price',
      events: 1000,
      share: 0.25,
      firstSeen: '2018-08-01 00:00:00',
      lastSeen: '2018-08-02 00:33:17',
      trend: [500, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 500],
    });
    expect(stats.rows[1]).toMatchObject({ reason: 'missing:customer_id', events: 500, trend: [500, ...Array(11).fill(0)] });
  });

  it('tells the producer, the day and the contract version', async () => {
    const lake = await busyLake();
    const stats = await quarantineStats(lake, { ...ALL, zone: 'quarantine', by: ['source', 'day', 'contract'], limit: 10 });
    expect(stats.rows.map(({ source, day, contract, events, share }) => ({ source, day, contract, events, share }))).toEqual([
      { source: 'app', day: '2018-08-02', contract: '1.1', events: 500, share: 0.5 },
      { source: 'web', day: '2018-08-01', contract: '1.0', events: 500, share: 0.5 },
    ]);
  });

  it('keeps to reasons, producers and times that are asked for', async () => {
    const lake = await busyLake();
    const of = async (filter: object): Promise<readonly unknown[]> =>
      (await quarantineStats(lake, { ...ALL, by: ['reason'], limit: 10, ...filter })).rows.map(({ reason, events }) => [
        reason,
        events,
      ]);
    expect(await of({ reason: '*:customer_id' })).toEqual([['missing:customer_id', 500]]);
    expect(await of({ reason: 'rule:%' })).toEqual([]);
    expect(await of({ reason: 'rule:', source: 'app' })).toEqual([['rule:price', 500]]);
    expect(await of({ until: '2018-08-01', reason: 'rule:' })).toEqual([['rule:price', 500]]);
    expect(await of({ since: '2018-08-06', time: 'processed', zone: 'error' })).toEqual([
      ['invalid_csv', 2],
      ['invalid_utf8', 1],
      ['tombstone', 1],
    ]);
    expect(await of({ limit: 0 })).toEqual([]);
    const rejection = await quarantineStats(lake, { zone: 'all', time: 'processed', by: ['zone'], limit: 5 });
    expect(rejection.rows).toMatchObject([
      { zone: 'quarantine', events: 1000, share: null },
      { zone: 'error', events: 4, share: null },
    ]);
  });

  it('is empty where nothing was rejected, and refuses what it cannot count by', async () => {
    const { lake } = await testLake();
    expect(await quarantineStats(lake, { ...ALL, by: ['dataset'], limit: 5 })).toMatchObject({ total: 0, rows: [], from: null });
    expect(parseDimensions('source, day,source')).toEqual(['source', 'day']);
    expect(() => parseDimensions('reasons')).toThrow(
      expect.objectContaining({ code: 'KS_USAGE', hint: expect.stringContaining('did you mean "reason"?') as string }),
    );
  });
});

describe('searchQuarantine', () => {
  const search = async (lake: Lakehouse, text: string, options: Partial<SearchOptions> = {}) =>
    searchQuarantine(lake, { ...ALL, limit: 5, text, ...options });

  it('finds a text in payloads whatever its case, and shows its surroundings', async () => {
    const lake = await busyLake();
    const found = await search(lake, 'ORDER_ID":"1001"', { time: 'processed' });
    expect(found).toMatchObject({ total: 0 });
    const hit = await search(lake, 'ORDER_ID":"3997"');
    expect(hit.total).toBe(1);
    expect(hit.rows).toMatchObject([
      { origin: 'events/0/3997', foundIn: ['payload'], before: '{"price":3997.5,"', hit: 'order_id":"3997"', after: '}' },
    ]);
    expect((await search(lake, 'SÃO')).total).toBe(2);
    expect((await search(lake, 'SÃO', { caseSensitive: true })).total).toBe(0);
  });

  it('finds it in ids, reasons, details, keys and sources too', async () => {
    const lake = await lakeWithRejects();
    const places = async (text: string): Promise<readonly unknown[]> =>
      (await search(lake, text, { limit: 20 })).rows.map(({ origin, foundIn }) => [origin, foundIn.join()]);
    expect(await places("it's")).toEqual([
      ['events/0/7', 'eventId'],
      ['events/0/6', 'eventId'],
    ]);
    expect(await places('missing:')).toEqual([['events/0/1', 'reasons']]);
    expect(await places('byte 1')).toEqual([['events/0/9', 'detail']]);
    expect(await places('test')).toHaveLength(9);
    expect(await places('%')).toEqual([]);
  });

  it('finds bytes that are no text as they are written', async () => {
    const lake = await busyLake();
    expect((await search(lake, String.raw`\xFF\x00`)).rows).toMatchObject([
      { origin: 'events/0/2', foundIn: ['payload'], hit: String.raw`\xFF\x00`, after: String.raw`\x1Bwrong` },
    ]);
  });

  it('takes regular expressions, and refuses wrong ones', async () => {
    const lake = await busyLake();
    const found = await search(lake, '"price":[0-9]{2}\\.5,', { regex: true, limit: 1 });
    expect(found.total).toBeGreaterThan(5);
    expect(found.rows).toHaveLength(1);
    expect(await search(lake, '"price":[0-9]', { limit: 5 })).toEqual({ total: 0, rows: [] });
    for (const [text, options] of [
      ['(', { regex: true }],
      ['', {}],
      ['x'.repeat(1001), {}],
      ['x', { since: 'yesterday' }],
    ] as const) {
      await expect(search(lake, text, options)).rejects.toMatchObject({ code: 'KS_USAGE' });
    }
  });
});

describe('sampleQuarantine', () => {
  it('makes few lines of many rejects: one for each shape and reason', async () => {
    const found = await sampleQuarantine(await busyLake(), { ...ALL, limit: 10, each: 2 });
    expect(found).toMatchObject({ total: 1004, groups: 5 });
    expect(found.shapes.slice(0, 2)).toMatchObject([
      { reasons: ['missing:customer_id', 'rule:price'], shape: '{order_id: text, price: number}', events: 500, sources: ['web'] },
      {
        reasons: ['rule:price'],
        shape: '{order_id: text, price: number}',
        events: 500,
        sources: ['app'],
        lastSeen: '2018-08-02 00:33:17',
      },
    ]);
    expect(found.shapes[1]?.samples.map(({ origin, payload }) => [origin, payload])).toEqual([
      ['events/0/3997', '{"price":3997.5,"order_id":"3997"}'],
      ['events/0/3993', '{"price":3993.5,"order_id":"3993"}'],
    ]);
    expect(found.shapes.slice(2)).toMatchObject([
      { zone: 'error', reasons: ['invalid_csv'], shape: '# fields instead of #', events: 2, csvLines: [10, 14] },
      { reasons: ['invalid_utf8'], shape: 'byte #', samples: [{ payload: String.raw`\xFF\x00\x1Bwrong`, payloadBytes: 8 }] },
      { reasons: ['tombstone'], shape: '', samples: [{ payload: null, payloadBytes: 0 }] },
    ]);
  });

  it('tells shapes of values that are no objects, and of nested ones', async () => {
    const found = await sampleQuarantine(await lakeWithRejects(), { ...ALL, zone: 'quarantine', limit: 20, each: 1 });
    expect(new Set(found.shapes.map(({ shape }) => shape))).toEqual(
      new Set(['{}', '[number]', '{price: number}', '{order_id: text}']),
    );
    expect(payloadShape('[{"key":"a","value":{"b":["VARCHAR"],"c":"NULL"}},{"key":"d","value":"JSON"}]')).toBe(
      '{a: {b: [text], c: null}, d: mixed}',
    );
    expect(payloadShape('[{"key":"a","val')).toBe('[{"key":"a","val…');
  });
});

describe('timeBound', () => {
  const NOW = Date.parse('2018-08-31T12:00:00Z');
  it('takes days, moments and how long ago', () => {
    expect(timeBound('7d', NOW).start).toBe('2018-08-24 12:00:00.000');
    expect(timeBound('90m', NOW).end).toBe('2018-08-31 10:30:00.000');
    expect(timeBound('2018-08-31', NOW)).toEqual({ start: '2018-08-31 00:00:00.000', end: '2018-09-01 00:00:00.000' });
    for (const wrong of ['7', 'd', '-7d', '7y', '2018-02-30']) expect(() => timeBound(wrong, NOW)).toThrow(/is no date/);
  });
});

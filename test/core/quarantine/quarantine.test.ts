import { describe, expect, it } from 'vitest';
import { listQuarantine } from '../../../src/core/quarantine/list-quarantine.js';
import { showQuarantined } from '../../../src/core/quarantine/show-quarantined.js';
import { lakeWithRejects } from '../../support/lake-with-rejects.js';
import { testLake } from '../../support/test-lake.js';

describe('listQuarantine', () => {
  it('is empty where nothing was ever rejected', async () => {
    expect(await listQuarantine((await testLake()).lake, { zone: 'quarantine', limit: 10 })).toEqual({
      zone: 'quarantine',
      total: 0,
      byReason: [],
      rows: [],
    });
  });

  it('lists the newest first, counts all, and breaks the count down by reason', async () => {
    const found = await listQuarantine(await lakeWithRejects(), { zone: 'quarantine', limit: 2 });
    expect(found.total).toBe(8);
    expect(found.rows.map((row) => row.origin)).toEqual(['events/0/8', 'events/0/7']);
    expect(found.byReason.slice(0, 2)).toEqual([
      { dataset: 'order_items', reason: 'rule:price_positive', events: 2 },
      { dataset: 'orders', reason: 'event_id_conflict', events: 2 },
    ]);
    expect(found.rows[0]).toEqual({
      zone: 'quarantine',
      origin: 'events/0/8',
      eventId: 'q8',
      dataset: 'order_items',
      source: 'test',
      reasons: ['rule:price_positive'],
      detail: null,
      csvLine: null,
      partition: '2020-04',
      contractVersion: '1.0.0',
      logTime: '2018-08-01 10:00:00',
      processedAt: '2018-08-01 18:00:00',
    });
  });

  it('filters by dataset, beginning of a reason, and time', async () => {
    const lake = await lakeWithRejects();
    const ids = async (filter: object): Promise<readonly string[]> =>
      (await listQuarantine(lake, { zone: 'quarantine', limit: 10, ...filter })).rows
        .map((row) => row.origin.split('/')[2] ?? '')
        .toSorted();
    expect(await ids({ dataset: 'orders' })).toEqual(['1', '2', '3', '6', '7']);
    expect(await ids({ reason: 'rule:' })).toEqual(['2', '4', '8']);
    expect(await ids({ reason: 'missing:customer_id' })).toEqual(['1']);
    expect(await ids({ reason: "x' OR true --" })).toEqual([]);
    expect(await ids({ since: '2018-08-01T15:00:00Z', until: '2018-08-01 17:00' })).toEqual(['5', '6']);
    expect(await ids({ until: '2018-08-01' })).toHaveLength(8);
    expect(await ids({ since: '2018-08-01 10:00:01', time: 'logged' })).toEqual([]);
    await expect(ids({ since: 'yesterday' })).rejects.toMatchObject({ code: 'KS_USAGE' });
    await expect(ids({ since: '2018-02-30' })).rejects.toMatchObject({ code: 'KS_USAGE' });
  });

  it('lists the error zone with class and detail', async () => {
    const found = await listQuarantine(await lakeWithRejects(), { zone: 'error', limit: 10 });
    expect(found.rows).toMatchObject([
      { zone: 'error', origin: 'events/0/9', reasons: ['invalid_utf8'], detail: 'byte 1', partition: null },
    ]);
  });
});

describe('showQuarantined', () => {
  it('shows an event by its origin, with payload, key and headers', async () => {
    const [event] = await showQuarantined(await lakeWithRejects(), 'events/0/1');
    expect(event).toMatchObject({
      eventId: 'q1',
      reasons: ['missing:customer_id'],
      partition: '2017-10-02',
      key: { text: 'k' },
      headers: [{ key: 'trace', value: { encoding: 'escaped', text: '\\xff' } }],
      payload: { encoding: 'utf-8', text: '{"order_id":"1"}', sizeBytes: 16 },
    });
  });

  it('finds erroneous bytes and escapes them', async () => {
    expect(await showQuarantined(await lakeWithRejects(), 'x9')).toMatchObject([
      { zone: 'error', reasons: ['invalid_utf8'], payload: { encoding: 'escaped', text: '{\\xff\u001b', sizeBytes: 3 } },
    ]);
  });

  it('gives every event that shares an id, whatever characters it has', async () => {
    expect((await showQuarantined(await lakeWithRejects(), "it's")).map((event) => event.origin)).toEqual([
      'events/0/6',
      'events/0/7',
    ]);
  });

  it('says where it looked in vain', async () => {
    const lake = await lakeWithRejects();
    await expect(showQuarantined(lake, 'events/0/99')).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      message: expect.stringContaining('quarantine or error') as string,
    });
    await expect(showQuarantined(lake, 'x9', 'quarantine')).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });
});

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runGold } from '../../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { describeTrace, nextCommand } from '../../../src/core/trace/describe-trace.js';
import { placeText } from '../../../src/core/trace/trace-target.js';
import { silverLake } from '../../support/silver-lake.js';
import { consume } from '../silver/consume-support.js';
import { item, order, RECEIVED_US, send, trace, traceOne } from './traced-lake.js';

const TOPIC = 'olist-enterprise-events';
const ODD_ID = `it's "ü" 🙂 \\ -- ${'x'.repeat(40)}`;

describe('a trace', { timeout: 120_000 }, () => {
  let lake: Lakehouse;
  const at: Record<string, string> = {};
  const indexFolder = (): string => path.join(lake.config.profile.store.path, 'bronze/events/index');
  const sendNamed = async (events: readonly (Parameters<typeof send>[1][number] & { readonly as?: string })[]): Promise<void> => {
    const places = await send(lake, events);
    for (const [n, { id, as = id }] of events.entries()) at[as] = places[n] as string;
  };

  beforeAll(async () => {
    lake = await silverLake({}, (cleanUp) => afterAll(cleanUp));
    await sendNamed([
      { id: 'a1', payload: order('A') },
      { id: 'b1', payload: order('B', { order_purchase_timestamp: '2017-11-20 01:02:03' }), partition: 1 },
      { id: 'both', payload: order('C') },
      { id: 'both', as: 'both-item', dataset: 'order_items', payload: item('A', 1) },
      { id: 'broken', payload: '{"order_id": "D",' },
      { id: 'nobody', payload: order('E', { customer_id: null }) },
      { id: 'spectrum', dataset: 'spectrum', payload: { a: 1 } },
      { id: ODD_ID, payload: order('F'), partition: 2 },
      { id: 'grave', payload: null },
    ]);
    await consume(lake);
    await runGold(lake);
    await sendNamed([
      { id: 'a2', payload: order('A', { order_status: 'shipped' }) },
      { id: 'a1', as: 'a1-again', payload: order('A') },
      { id: 'b1', as: 'b1-other', payload: order('B', { order_status: 'canceled' }), partition: 1 },
    ]);
    await consume(lake);
    await sendNamed([{ id: 'a3', payload: order('A', { order_status: 'delivered' }) }]);
    await consume(lake);
    await sendNamed([
      { id: 'late', payload: order('G') },
      { id: 'a4', payload: order('A', { order_status: 'canceled' }) },
    ]);
  }, 120_000);

  it('tells every hop of a current event', async () => {
    const event = await traceOne(lake, ODD_ID);
    expect(event).toMatchObject({
      eventId: ODD_ID,
      dataset: 'orders',
      key: 'F',
      accepted: { at: '2017-07-14T02:40:00.123456Z', source: 'shop' },
      log: { state: 'held' },
      bronze: { rowGroup: 0 },
      verdict: { kind: 'current', table: 'silver.orders', rowGroup: 0, values: { order_id: 'F', _event_id: ODD_ID } },
      supersedes: [],
    });
    expect(RECEIVED_US % 1_000_000).toBe(123_456);
    expect(placeText(event)).toBe(at[ODD_ID]);
    // The file and row it names hold the event.
    const file = path.join(lake.config.profile.store.path, event.bronze?.file ?? '');
    const session = await lake.duck();
    const [row] = await session.rows(
      `SELECT event_id FROM read_parquet('${file}', file_row_number = true) WHERE file_row_number = ${event.bronze?.row}`,
    );
    await session.close();
    expect(row).toEqual({ event_id: ODD_ID });
    const bronze = await (await lake.table('bronze.events'))?.state();
    expect(bronze?.snapshots.map(({ id }) => String(id))[0]).toBe(event.bronze?.snapshot?.id);
  });

  it('finds the same event by its place', async () => {
    expect(await traceOne(lake, at[ODD_ID] ?? '')).toEqual(await traceOne(lake, ODD_ID));
  });

  it('names the versions of a key in their order, and which gave way to which', async () => {
    const { events } = await trace(lake, { key: 'A', dataset: 'orders' });
    expect(events.map(({ eventId, verdict }) => [eventId, verdict.kind])).toEqual([
      ['a1', 'superseded'],
      ['a2', 'superseded'],
      ['a1', 'duplicate'],
      ['a3', 'current'],
      ['a4', 'pending'],
    ]);
    const [first, second, again, third] = events;
    expect(first?.verdict).toMatchObject({ by: { eventId: 'a2' } });
    expect(second?.verdict).toMatchObject({ by: { eventId: 'a3' } });
    expect(second?.supersedes.map(({ eventId }) => eventId)).toEqual(['a1']);
    expect(third?.supersedes.map(placeText)).toEqual([at['a2']]);
    expect(again?.verdict).toMatchObject({ of: { eventId: 'a1', offset: 0 } });
    expect(third?.verdict).toMatchObject({ values: { order_status: 'delivered' } });
  });

  it('takes a key by column, as a list, with other writings of an integer, and without a dataset', async () => {
    for (const key of ['order_id=A,order_item_id=1', '["A","1"]', '["A", 1]', '["A","01"]']) {
      expect(
        (await trace(lake, { key, dataset: 'order_items' })).events.map(({ eventId }) => eventId),
        key,
      ).toEqual(['both']);
      expect((await trace(lake, { key })).events, key).toHaveLength(1);
    }
    expect((await trace(lake, { key: 'order_id=A' })).events).toHaveLength(5);
  });

  it('says of rejected events why, under which contract, and where they are kept', async () => {
    expect((await traceOne(lake, 'broken')).verdict).toMatchObject({ kind: 'error', class: 'invalid_json', rowGroup: 0 });
    expect((await traceOne(lake, 'grave')).verdict).toMatchObject({ kind: 'error', class: 'tombstone' });
    expect((await traceOne(lake, 'nobody')).verdict).toMatchObject({
      kind: 'quarantined',
      reasons: ['missing:customer_id'],
      contractVersion: '1.0.0',
      partition: '2017-10-02',
      conflictsWith: null,
      rowGroup: 0,
    });
    expect((await traceOne(lake, 'spectrum')).verdict).toMatchObject({
      kind: 'quarantined',
      reasons: ['unknown_dataset'],
      contractVersion: null,
    });
    const { events } = await trace(lake, 'b1');
    expect(events.map(({ verdict }) => verdict.kind)).toEqual(['current', 'quarantined']);
    expect(events[1]?.verdict).toMatchObject({ reasons: ['event_id_conflict'], conflictsWith: { eventId: 'b1' } });
  });

  it('lists an id that several datasets have, or that of one', async () => {
    const { events, total } = await trace(lake, 'both');
    expect([total, ...events.map(({ dataset }) => dataset)]).toEqual([2, 'orders', 'order_items']);
    expect((await traceOne(lake, { event: 'both', dataset: 'order_items' })).dataset).toBe('order_items');
    await expect(trace(lake, { event: 'both', dataset: 'sellers' })).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      message: '"both" has no event in sellers; it has in orders, order_items',
    });
  });

  it('shows an event that waits in the log, by id, place and key', async () => {
    for (const asked of ['late', at['late'] ?? '', { key: 'G', dataset: 'orders' }]) {
      const event = await traceOne(lake, asked);
      expect(event).toMatchObject({
        eventId: 'late',
        bronze: null,
        accepted: { source: 'shop' },
        verdict: { kind: 'pending', waitsFor: 'bronze', eventsBefore: 0 },
      });
      expect(placeText(event)).toBe(at['late']);
    }
    expect(nextCommand(await trace(lake, 'late'))).toBe('keystone consume run --until-caught-up');
  });

  it('follows a row into gold: by key, by partition, and says what gold has not read yet', async () => {
    const { gold } = await traceOne(lake, { event: 'both', dataset: 'order_items' });
    const sales = gold.find(({ model }) => model === 'gold.fact_sales');
    expect(sales).toMatchObject({ granularity: 'row', rowCount: 1, upToDate: true, why: null, partitions: ['2017-10'] });
    expect(sales?.rows).toEqual([{ order_id: 'A', order_item_id: 1 }]);
    expect(sales?.files).toHaveLength(1);
    const current = (await trace(lake, { key: 'A', dataset: 'orders' })).events[3];
    expect(current?.gold.map(({ model, upToDate }) => [model, upToDate])).toEqual([
      ['gold.daily_regional_sales', false],
      ['gold.dim_customer', false],
      ['gold.dim_date', false],
      ['gold.fact_reviews', false],
      ['gold.fact_sales', false],
    ]);
    expect(current?.gold[0]).toMatchObject({
      granularity: 'partition',
      partitions: ['2017-10'],
      rows: [{ purchase_date: '2017-10-02' }],
      why: 'the event does not have customer_state',
    });
  });

  it('is text of one line a hop, in which no stranger can drive a terminal', async () => {
    const text = describeTrace(await trace(lake, { key: 'A', dataset: 'orders' }));
    expect(text).toMatch(/accepted +from shop, 1\d\d bytes, key A/);
    expect(text).toMatch(
      /silver +current in silver\.orders: silver\/orders\/data\/.*\.parquet, row group 0, row 0; snapshot \d+/,
    );
    expect(text).toMatch(/supersedes +olist-enterprise-events\/0\/\d+ \(a2\)/);
    expect(text).toMatch(/pending: waits for bronze, 1 events/);
    expect(text).toContain('The current row of A in silver.orders\n  order_id ');
    expect(text.split('\n').some((line) => /\p{Cc}/u.test(line))).toBe(false);
  });

  it('says expired of what the log let go, and replaced where the topic was made anew', async () => {
    const log = await lake.log();
    const shorter: Lakehouse = {
      ...lake,
      log: async () => ({
        ...log,
        bounds: async () => (await log.bounds(TOPIC)).map((one) => ({ ...one, startOffset: one.endOffset })),
      }),
    };
    expect(await traceOne(shorter, 'a3')).toMatchObject({ log: { state: 'expired' }, verdict: { kind: 'current' } });
    await expect(trace(shorter, at['late'] ?? '')).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      message: expect.stringContaining('has expired in the log'),
    });
    const other: Lakehouse = { ...lake, log: async () => ({ ...log, topicId: async () => 'another' }) };
    // What waits in the topic that is there now may have the same id.
    expect((await trace(other, 'a3')).events[0]?.log.state).toBe('replaced');
  });

  it('refuses what is no target, and says of a fruitless one why', async () => {
    const refused = (asked: Parameters<typeof trace>[1]): Promise<{ code: string; message: string; hint: string }> =>
      trace(lake, asked).then(
        () => Promise.reject(new Error(`found ${JSON.stringify(asked)}`)),
        (error: { code: string; message: string; hint: string }) => error,
      );
    expect(await refused({})).toMatchObject({ code: 'KS_USAGE' });
    expect(await refused({ event: 'a1', key: 'A' })).toMatchObject({ code: 'KS_USAGE' });
    expect(await refused({ key: 'A', dataset: 'order_items' })).toMatchObject({
      code: 'KS_USAGE',
      message: '"A" is no key of order_items, whose key is order_id, order_item_id',
      hint: "keystone trace --dataset order_items --key 'order_id=…,order_item_id=…'",
    });
    expect(await refused({ key: 'customer_id=A', dataset: 'orders' })).toMatchObject({ code: 'KS_USAGE' });
    expect(await refused({ key: 'A', dataset: 'order' })).toMatchObject({ code: 'KS_NOT_FOUND', hint: 'keystone contract list' });
    for (const event of ['nowhere', `${TOPIC}/0`, `${TOPIC}/0/-1`, `${TOPIC}/zero/1`]) {
      const error = await refused(event);
      expect(error, event).toMatchObject({ code: 'KS_NOT_FOUND' });
      expect(error.hint).toContain('topic/partition/offset');
    }
    expect((await refused(`${TOPIC}/7/0`)).message).toMatch(/has no partition 7: it has 0 to \d/);
    expect((await refused(`${TOPIC}/0/999`)).message).toMatch(/ends before offset \d+/);
    expect(await refused('olist-enterprise-event/0/1')).toMatchObject({ hint: `did you mean ${TOPIC}/0/1?` });
    expect((await refused({ key: 'nobody has it' })).hint).toContain('keystone contract list');
  });

  it('answers without the index, makes it again, and trusts no damaged one', async () => {
    const before = await traceOne(lake, ODD_ID);
    const names = (await readdir(indexFolder())).toSorted();
    expect(names).toHaveLength(3); // one for each batch
    const bytes = await Promise.all(names.map((name) => readFile(path.join(indexFolder(), name))));
    expect((await trace(lake, ODD_ID)).index).toMatchObject({ madeIndexes: 0, readFiles: 1 });

    await rm(indexFolder(), { recursive: true });
    const told: string[] = [];
    const rebuilt = await trace(lake, {
      event: ODD_ID,
      onProgress: ({ phase, done, total }) => told.push(`${phase} ${done}/${total}`),
    });
    expect(rebuilt.events).toEqual([before]);
    expect(rebuilt.index.madeIndexes).toBe(rebuilt.index.dataFiles);
    expect(told).toContain(`index event ids ${rebuilt.index.dataFiles}/${rebuilt.index.dataFiles}`);
    // What reading the data files makes is what landing had made.
    expect((await readdir(indexFolder())).toSorted()).toEqual(names);
    expect((await trace(lake, ODD_ID)).index).toMatchObject({ madeIndexes: 0, readFiles: 1 });

    for (const [n, name] of names.entries()) {
      const damaged = Buffer.from(bytes[n] as Buffer).fill(0, 64);
      await writeFile(path.join(indexFolder(), name), damaged);
    }
    expect((await trace(lake, ODD_ID)).events).toEqual([before]);
    expect((await trace(lake, ODD_ID)).index.madeIndexes).toBe(0);
  });

  it('tells an event that is not judged yet from one that is lost', async () => {
    const unjudged: Lakehouse = { ...lake, table: async (name) => (name === 'ledger.dispositions' ? null : lake.table(name)) };
    expect((await traceOne(unjudged, 'broken')).verdict).toMatchObject({ kind: 'pending', waitsFor: 'silver' });
    // Dispositions of its range are committed, silver's rows are not: silver has not passed the event.
    const behind: Lakehouse = { ...lake, table: async (name) => (name === 'silver.orders' ? null : lake.table(name)) };
    expect((await traceOne(behind, ODD_ID)).verdict).toMatchObject({ kind: 'pending', waitsFor: 'silver' });

    const silver = await lake.table('silver.orders');
    const { verdict } = await traceOne(lake, ODD_ID);
    const file = verdict.kind === 'current' ? verdict.file : '';
    await silver?.commit({ add: [], remove: [silver.store.uri(file)] });
    const lost = await trace(lake, ODD_ID);
    expect(lost.events[0]?.verdict).toEqual({ kind: 'lost' });
    expect(nextCommand(lost)).toBe('keystone ledger verify --deep');
  });
});

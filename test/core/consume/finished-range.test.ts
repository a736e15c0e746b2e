/** After a half-done range is finished, the builder that goes on knows no more and no less than the tables say. */
import { expect, test } from 'vitest';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { Died, dyingLake } from '../../support/dying-lake.js';
import { testLake } from '../../support/test-lake.js';
import { consume, order, put, rows } from '../silver/consume-support.js';

const item = (price: string): Record<string, unknown> => ({
  order_id: 'a',
  order_item_id: 1,
  product_id: 'p',
  seller_id: 's',
  shipping_limit_date: '2017-10-02 00:00:00',
  price,
  freight_value: '1.10',
});

test('the first event of an id stays its reference when another dataset had to be finished', async () => {
  const { lake } = await testLake({ consume: { flushRows: 2 }, processName: 'test/same' });
  await put(lake, [{ id: 'x', dataset: 'order_items', payload: item('10.00') }]);
  await consume(lake);
  await put(lake, [
    { id: 'o', payload: order('a') },
    { id: 'x', dataset: 'order_items', payload: item('99.00') },
  ]);
  const dying = dyingLake(lake, (table) => (table === 'ledger.dispositions' ? 'after' : 'no'));
  await expect(runConsumer(dying, { untilCaughtUp: true, signal: new AbortController().signal })).rejects.toThrow('died');
  await put(lake, [{ id: 'x', dataset: 'order_items', payload: item('10.00') }]);
  await consume(lake);
  expect(
    await rows(lake, 'SELECT kafka_offset AS o, verdict, winner_offset AS winner FROM ledger.dispositions ORDER BY 1'),
  ).toEqual([
    { o: 2, verdict: 'quarantined', winner: 0 },
    { o: 3, verdict: 'duplicate', winner: 0 },
  ]);
});

/** Lands, and derives nothing. */
const landingOnly = (lake: Lakehouse): Lakehouse => ({
  ...lake,
  ensureTable: async (definition) => {
    const table = await lake.ensureTable(definition);
    if (table.name === 'bronze.events') return table;
    return { ...table, commit: async () => Promise.reject(new Died(table.name)) };
  },
});

test('an unfinished range waits until a bronze that was rolled back holds all of it again', async () => {
  const { lake } = await testLake({ processName: 'test/same' });
  const died = async (dying: Lakehouse): Promise<void> => {
    await expect(runConsumer(dying, { untilCaughtUp: true, signal: new AbortController().signal })).rejects.toThrow('died');
  };
  await put(lake, [{ id: '1', payload: order('a') }]);
  await died(landingOnly(lake));
  const bronze = await lake.table('bronze.events');
  const older = (await bronze?.state())?.currentSnapshot?.id as bigint;
  await put(lake, [{ id: '2', payload: order('b') }]);
  await died(landingOnly(lake));
  await died(dyingLake(lake, (table) => (table === 'ledger.dispositions' ? 'after' : 'no')));
  await bronze?.rollback(older);
  await consume(lake);
  expect(await rows(lake, 'SELECT order_id FROM silver.orders ORDER BY 1')).toEqual([{ order_id: 'a' }, { order_id: 'b' }]);
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile, rename } from 'node:fs/promises';
import { goldInsight, INSIGHTS } from '../../../src/core/gold/gold-insight.js';
import { lintModelSql } from '../../../src/core/gold/lint-model.js';
import { runGold } from '../../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { putSilver, silverLake } from '../../support/silver-lake.js';
import { putShop, smallShop } from './small-shop.js';

describe('insights from gold', () => {
  let lakehouse: Lakehouse;
  const cleanUps: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    lakehouse = await silverLake({}, (cleanUp) => cleanUps.push(cleanUp));
    await putShop(lakehouse, smallShop());
    await runGold(lakehouse);
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  it('growth: sales by month against the month listed before', async () => {
    const growth = await goldInsight(lakehouse, { name: 'growth' });
    expect(growth.rows).toEqual([
      { purchase_month: '2017-10', orders: 2, items: 3, revenue: '115.25', revenue_with_freight: '119.75', growth_percent: null },
      { purchase_month: '2017-11', orders: 1, items: 1, revenue: '7.00', revenue_with_freight: '8.50', growth_percent: -93.93 },
    ]);
    expect(growth.totals).toEqual({ orders: 3, items: 4, revenue: '122.25', revenue_with_freight: '128.25' });
  });

  it('logistics: delivery days by state, slowest first', async () => {
    const logistics = await goldInsight(lakehouse, { name: 'logistics' });
    expect(logistics.rows).toEqual([
      { customer_state: 'RJ', deliveries: 1, delivery_days: 59.63, on_time: 0, on_time_by_date: 1, on_time_percent: 0 },
      { customer_state: 'SP', deliveries: 1, delivery_days: 10, on_time: 1, on_time_by_date: 1, on_time_percent: 100 },
    ]);
    expect(logistics.totals).toEqual({ deliveries: 2, on_time: 1, on_time_by_date: 2 });
  });

  it('segments: looks back from the day after the last purchase, or from the day given', async () => {
    const now = await goldInsight(lakehouse, { name: 'segments' });
    expect(now).toMatchObject({ asOf: '2017-11-07', rows: [{ segment: 'new', customers: 2, money: '119.75' }] });
    const later = await goldInsight(lakehouse, { name: 'segments', asOf: '2018-06-01' });
    expect(later.rows).toEqual([{ segment: 'cooling', customers: 2, money: '119.75' }]);
    const early = await goldInsight(lakehouse, { name: 'segments', asOf: '2017-10-01' });
    expect(early.rows).toEqual([]);
    await expect(goldInsight(lakehouse, { name: 'segments', asOf: '2018-02-30' })).rejects.toMatchObject({ code: 'KS_USAGE' });
  });

  it('points to gold run before gold was built', async () => {
    const empty = await silverLake();
    for (const name of INSIGHTS) {
      await expect(goldInsight(empty, { name })).rejects.toMatchObject({ code: 'KS_NOT_FOUND', hint: 'keystone gold run' });
    }
  });

  it('does not advise gold run where the lake was moved', async () => {
    const made = await silverLake();
    await putSilver(
      made,
      'orders',
      "SELECT 'o1' AS order_id, 'c1' AS customer_id, TIMESTAMP '2017-10-02 10:56:33' AS order_purchase_timestamp",
    );
    const moved = await silverLake();
    await rename(made.config.profile.store.path, moved.config.profile.store.path);
    await expect(goldInsight(moved, { name: 'growth' })).rejects.toMatchObject({
      code: 'KS_STORE',
      hint: expect.stringContaining('keystone table relocate'),
    });
  });

  it('gives no rows, but the columns, from empty gold', async () => {
    const empty = await silverLake();
    await runGold(empty);
    for (const name of INSIGHTS) expect((await goldInsight(empty, { name })).rows).toEqual([]);
  });

  it('keeps to the SQL that the engines share', async () => {
    for (const name of INSIGHTS) {
      const sql = await readFile(new URL(`../../../src/core/gold/insights/${name}.sql`, import.meta.url), 'utf8');
      expect(lintModelSql(sql.replaceAll(/\{\{.*?\}\}/g, 'referenced'))).toEqual([]);
    }
  });
});

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModels } from '../../../src/core/gold/load-models.js';
import { planGold, runGold, type GoldPlan } from '../../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { rowsOf, silverLake } from '../../support/silver-lake.js';
import { tempDir } from '../../support/temp-dir.js';
import { make, putShop, type Shop, smallShop } from './small-shop.js';

const builtShop = async (
  ...ends: [atEnd?: (cleanUp: () => Promise<void>) => void]
): Promise<{ readonly lakehouse: Lakehouse; readonly shop: Shop }> => {
  const lakehouse = await silverLake({}, ...ends);
  const shop = smallShop();
  await putShop(lakehouse, shop);
  await runGold(lakehouse);
  return { lakehouse, shop };
};

/** All rows of all gold tables, as one comparable text for each. */
const goldRows = async (lakehouse: Lakehouse): Promise<Readonly<Record<string, readonly string[]>>> => {
  const tables: Record<string, readonly string[]> = {};
  for (const { name } of await loadModels(lakehouse.config.models)) {
    tables[name] = (await rowsOf(lakehouse, `SELECT * FROM ${name} ORDER BY ALL`)).map((row) => JSON.stringify(row));
  }
  return tables;
};
const actions = (run: GoldPlan): Readonly<Record<string, string>> =>
  Object.fromEntries(run.models.map(({ model, action, partitions }) => [model.slice(5), [action, ...partitions].join(' ')]));

describe('the star schema', () => {
  let lakehouse: Lakehouse;
  const cleanUps: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    ({ lakehouse } = await builtShop((cleanUp) => cleanUps.push(cleanUp)));
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  it('has one row per grain and every key in its dimension', async () => {
    for (const model of await loadModels(lakehouse.config.models)) {
      const grain = model.grain.join(', ');
      expect(await rowsOf(lakehouse, `SELECT ${grain} FROM ${model.name} GROUP BY ${grain} HAVING count(*) > 1`)).toEqual([]);
    }
    for (const [fact, column, dimension] of [
      ['fact_sales', 'customer_unique_id', 'dim_customer'],
      ['fact_sales', 'product_id', 'dim_product'],
      ['fact_sales', 'seller_id', 'dim_seller'],
      ['fact_reviews', 'customer_unique_id', 'dim_customer'],
    ]) {
      expect(await rowsOf(lakehouse, `SELECT * FROM gold.${fact} f ANTI JOIN gold.${dimension} d USING (${column})`)).toEqual([]);
    }
    expect(
      await rowsOf(
        lakehouse,
        `SELECT * FROM gold.fact_sales WHERE shipping_limit_date_key NOT IN (SELECT date_key FROM gold.dim_date)`,
      ),
    ).toEqual([]);
  });

  it('gives each item its order, customer and money, and no key to a date outside the calendar', async () => {
    const sql = `SELECT order_id, order_item_id, customer_unique_id, customer_state, purchase_date, purchase_date_key,
      shipping_limit_date_key, total FROM gold.fact_sales ORDER BY 1, 2`;
    const row = (...values: unknown[]): unknown =>
      Object.fromEntries(
        [
          'order_id',
          'order_item_id',
          'customer_unique_id',
          'customer_state',
          'purchase_date',
          'purchase_date_key',
          'shipping_limit_date_key',
          'total',
        ].map((name, index) => [name, values[index]]),
      );
    expect(await rowsOf(lakehouse, sql)).toEqual([
      row('o1', 1, 'ann', 'SP', '2017-10-02', 20171002, 20171005, '11.50'),
      row('o1', 2, 'ann', 'SP', '2017-10-02', 20171002, 20171005, '6.75'),
      row('o2', 1, 'bob', 'RJ', '2017-10-02', 20171002, 20171106, '101.50'),
      row('o3', 1, 'ann', 'MG', '2017-11-05', 20171105, null, '8.50'),
    ]);
  });

  it("counts a day's orders, with and without items, their money and their punctuality", async () => {
    const sql = `SELECT * FROM gold.daily_regional_sales ORDER BY purchase_date, customer_state`;
    const common = {
      orders: 1,
      orders_with_items: 1,
      delivered_orders: 0,
      timed_deliveries: 0,
      on_time_orders: 0,
      on_time_orders_by_date: 0,
      delivery_seconds: 0,
    };
    expect(await rowsOf(lakehouse, sql)).toEqual([
      // Delivered an hour after the estimate's midnight: late by timestamp, on time by date.
      {
        ...common,
        purchase_date: '2017-10-02',
        customer_state: 'RJ',
        items: 1,
        revenue: '100.00',
        freight: '1.50',
        delivered_orders: 1,
        timed_deliveries: 1,
        on_time_orders_by_date: 1,
        delivery_seconds: 59 * 86_400 + 15 * 3600,
      },
      {
        ...common,
        purchase_date: '2017-10-02',
        customer_state: 'SP',
        items: 2,
        revenue: '15.25',
        freight: '3.00',
        delivered_orders: 1,
        timed_deliveries: 1,
        on_time_orders: 1,
        on_time_orders_by_date: 1,
        delivery_seconds: 10 * 86_400,
      },
      { ...common, purchase_date: '2017-11-05', customer_state: 'MG', items: 1, revenue: '7.00', freight: '1.50' },
      {
        ...common,
        purchase_date: '2017-11-06',
        customer_state: 'SP',
        orders_with_items: 0,
        items: 0,
        revenue: '0.00',
        freight: '0.00',
      },
    ]);
  });

  it('keeps one person once, at the address of the latest order', async () => {
    expect(
      await rowsOf(lakehouse, 'SELECT customer_unique_id, customer_state, orders FROM gold.dim_customer ORDER BY 1'),
    ).toEqual([
      { customer_unique_id: 'ann', customer_state: 'MG', orders: 2 },
      { customer_unique_id: 'bob', customer_state: 'RJ', orders: 1 },
      { customer_unique_id: 'eve', customer_state: 'SP', orders: 1 },
    ]);
  });

  it('has every calendar day from the first to the last purchase, weeks from Monday', async () => {
    const sql = `SELECT count(*) AS days, min(date_key) AS first, max(date_key) AS last, count(*) FILTER (is_weekend) AS weekend FROM gold.dim_date`;
    expect(await rowsOf(lakehouse, sql)).toEqual([{ days: 36, first: 20171002, last: 20171106, weekend: 10 }]);
    expect(await rowsOf(lakehouse, 'SELECT day_of_week FROM gold.dim_date WHERE date_key = 20171105')).toEqual([
      { day_of_week: 7 },
    ]);
  });

  it('names categories in English where a translation exists', async () => {
    expect(
      await rowsOf(lakehouse, 'SELECT product_id, product_category_name_english AS english FROM gold.dim_product ORDER BY 1'),
    ).toEqual([
      { product_id: 'p1', english: 'beauty' },
      { product_id: 'p2', english: null },
    ]);
  });
});

describe('a run of gold', () => {
  it('builds empty tables with their columns before any data came, once', async () => {
    const lakehouse = await silverLake();
    const first = await runGold(lakehouse);
    expect(new Set(first.models.map((model) => model.action))).toEqual(new Set(['rebuild']));
    expect(await rowsOf(lakehouse, 'SELECT count(*) AS n, sum(total) AS total FROM gold.fact_sales')).toEqual([
      { n: 0, total: null },
    ]);
    expect(new Set(Object.values(actions(await runGold(lakehouse))))).toEqual(new Set(['none']));
  });

  it('commits nothing when nothing changed', async () => {
    const { lakehouse } = await builtShop();
    const before = await Promise.all(
      (await lakehouse.tableNames()).map(async (name) => (await (await lakehouse.table(name))?.state())?.metadataLocation),
    );
    const again = await runGold(lakehouse);
    expect(again.models.every((model) => model.action === 'none' && model.snapshotId === null)).toBe(true);
    const after = await Promise.all(
      (await lakehouse.tableNames()).map(async (name) => (await (await lakehouse.table(name))?.state())?.metadataLocation),
    );
    expect(after).toEqual(before);
  });

  it('replaces only the months that a changed order lies in', async () => {
    const { lakehouse, shop } = await builtShop();
    shop['orders'] = [...(shop['orders'] ?? []).slice(0, 3), make.order('o4', 'c4', 'approved', '2017-11-06')];
    await putShop(lakehouse, shop, ['orders']);
    const planned = actions(await planGold(lakehouse));
    expect(planned['daily_regional_sales']).toBe('partitions 2017-11');
    const run = await runGold(lakehouse);
    expect(actions(run)).toMatchObject({
      daily_regional_sales: 'partitions 2017-11',
      fact_sales: 'partitions (no date) 2017-11',
      dim_seller: 'none',
      dim_product: 'none',
    });
    const [dates] = run.models.filter((model) => model.model === 'gold.dim_date');
    expect(dates).toMatchObject({ action: 'rebuild', filesAdded: 0, filesRemoved: 0 });
    expect(new Set(Object.values(actions(await runGold(lakehouse))))).toEqual(new Set(['none']));
  });

  it('rewrites nothing when silver files were only rewritten', async () => {
    const { lakehouse, shop } = await builtShop();
    await putShop(lakehouse, shop, ['orders', 'order_items']);
    const run = await runGold(lakehouse);
    expect(run.models.reduce((sum, model) => sum + model.filesAdded + model.filesRemoved, 0)).toBe(0);
    expect(new Set(Object.values(actions(await runGold(lakehouse))))).toEqual(new Set(['none']));
  });

  it('writes damaged tables anew when asked to rebuild', async () => {
    const { lakehouse } = await builtShop();
    const before = await goldRows(lakehouse);
    const scan = await (await lakehouse.table('gold.dim_seller'))?.scan();
    const store = await lakehouse.store();
    await store.delete((scan?.files ?? []).map((file) => store.keyOf(file.path)));
    await expect(goldRows(lakehouse)).rejects.toThrow();
    await runGold(lakehouse, { full: true });
    expect(await goldRows(lakehouse)).toEqual(before);
  });

  it('builds a chosen model with the models it reads, and refuses an unknown one', async () => {
    const lakehouse = await silverLake();
    expect((await runGold(lakehouse, { models: ['fact_reviews'] })).models.map((model) => model.model)).toEqual([
      'gold.dim_date',
      'gold.fact_reviews',
    ]);
    await expect(runGold(lakehouse, { models: ['nope'] })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });

  it.each([
    ['names what the query cannot find', "SELECT nope AS id FROM {{ ref('silver.orders') }}", '"nope"'],
    [
      'refuses two rows of one grain',
      "SELECT order_status AS id FROM {{ ref('silver.orders') }}",
      '4 rows share 3 values of their grain (id)',
    ],
    [
      'refuses a type that tables do not hold',
      "SELECT order_id AS id, INTERVAL '1' DAY AS gap FROM {{ ref('silver.orders') }}",
      'gap is a INTERVAL',
    ],
  ])('%s', async (_, sql, message) => {
    const models = await tempDir();
    await mkdir(path.join(models, 'gold'));
    await writeFile(path.join(models, 'gold', 'mine.sql'), `-- Mine.\n-- grain: id\n-- inputs: silver.orders\n${sql}\n`);
    const lakehouse = await silverLake({ models });
    await putShop(lakehouse, smallShop(), ['orders']);
    await expect(runGold(lakehouse)).rejects.toMatchObject({ code: 'KS_MODEL', message: expect.stringContaining(message) });
    expect(await lakehouse.table('gold.mine')).toBeNull();
  });

  it('follows a model whose text changed', async () => {
    const models = await tempDir();
    await mkdir(path.join(models, 'gold'));
    const write = (columns: string): Promise<void> =>
      writeFile(
        path.join(models, 'gold', 'mine.sql'),
        `-- Mine.\n-- grain: id\n-- inputs: silver.orders\nSELECT ${columns} FROM {{ ref('silver.orders') }}\n`,
      );
    const lakehouse = await silverLake({ models });
    await putShop(lakehouse, smallShop(), ['orders']);
    await write('order_id AS id, customer_id AS customer');
    await runGold(lakehouse);
    await write('order_id AS id, order_status AS status');
    expect((await planGold(lakehouse)).models).toMatchObject([{ action: 'rebuild', reason: 'the model changed' }]);
    await runGold(lakehouse);
    expect(await rowsOf(lakehouse, "SELECT * FROM gold.mine WHERE id = 'o1'")).toEqual([
      { id: 'o1', status: 'delivered', customer: null },
    ]);
  });

  it('sweeps what a killed run of a service left, whatever engine builds now', async () => {
    const lakehouse = await silverLake();
    const store = await lakehouse.store();
    await store.put('_staging/a1-0/part.parquet', Buffer.from('left'), { kind: 'ifAbsent' });
    await runGold(lakehouse);
    const left: string[] = [];
    for await (const { key } of store.list('_staging/')) left.push(key);
    expect(left).toEqual([]);
  });

  it('refuses to run beside another run', async () => {
    const lakehouse = await silverLake();
    const lease = await (await lakehouse.state()).acquireLease('gold', 'somebody else', 10_000);
    expect(lease).not.toBeNull();
    await expect(runGold(lakehouse)).rejects.toMatchObject({
      code: 'KS_LEASE_HELD',
      hint: expect.stringMatching(/^keystone gold run, in \d+ s/),
    });
  });
});

describe('an incremental run gives what a whole rebuild gives', () => {
  const CHANGES: Readonly<Record<string, (shop: Shop) => readonly string[]>> = {
    'a late order': (shop) => {
      shop['orders']?.push(make.order('o9', 'c2', 'delivered', '2017-10-20', '2017-10-22 00:00:00'));
      return ['orders'];
    },
    'an item before its order': (shop) => {
      shop['order_items']?.push(make.item('o8', 1, '3.00', '2017-10-30'));
      return ['order_items'];
    },
    'the order of that item': (shop) => {
      shop['orders']?.push(make.order('o8', 'c9', 'shipped', '2017-10-29'));
      return ['orders'];
    },
    'the customer of that order': (shop) => {
      shop['customers']?.push(make.customer('c9', 'kim', 'BA'));
      return ['customers'];
    },
    'a late item': (shop) => {
      shop['order_items']?.push(make.item('o4', 1, '9.99', '2017-11-20'));
      return ['order_items'];
    },
    'a customer who moved': (shop) => {
      shop['customers'] = (shop['customers'] ?? []).map((row) =>
        row['customer_id'] === 'c1' ? make.customer('c1', 'ann', 'RS') : row,
      );
      return ['customers'];
    },
    'an order that moved to another month': (shop) => {
      shop['orders'] = (shop['orders'] ?? []).map((row) =>
        row['order_id'] === 'o1' ? make.order('o1', 'c1', 'delivered', '2017-09-30', '2017-10-12 10:00:00') : row,
      );
      return ['orders'];
    },
    'an item to be shipped after the calendar ends': (shop) => {
      shop['order_items']?.push(make.item('o1', 3, '2.00', '2017-12-30'));
      return ['order_items'];
    },
    'a purchase that makes the calendar longer': (shop) => {
      shop['orders']?.push(make.order('o10', 'c2', 'created', '2018-01-02'));
      return ['orders'];
    },
    'an item taken away': (shop) => {
      shop['order_items'] = (shop['order_items'] ?? []).filter((row) => row['order_id'] !== 'o2');
      return ['order_items'];
    },
    'a late review and a new category name': (shop) => {
      shop['order_reviews']?.push(make.review('r5', 'o3', '2017-12-24'));
      shop['category_translation'] = [{ product_category_name: 'sem_traducao', product_category_name_english: 'named now' }];
      return ['order_reviews', 'category_translation'];
    },
  };

  it('after each of: ' + Object.keys(CHANGES).join(', '), async () => {
    const { lakehouse, shop } = await builtShop();
    for (const [change, apply] of Object.entries(CHANGES)) {
      await putShop(lakehouse, shop, apply(shop));
      await runGold(lakehouse);
      const incremental = await goldRows(lakehouse);
      await runGold(lakehouse, { full: true });
      expect(incremental, change).toEqual(await goldRows(lakehouse));
    }
  });
});

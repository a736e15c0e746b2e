/** Rules, validation and gold give the same in DuckDB, in Trino, and by Athena's API. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { runGold } from '../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../src/core/lakehouse.js';
import { validatePartition } from '../../src/core/quality/validate-partition.js';
import { make, putShop, smallShop } from '../core/gold/small-shop.js';
import { lakeWithRejects } from '../support/lake-with-rejects.js';
import { rowsOf } from '../support/silver-lake.js';
import { hasQueryServices, openQueryLake, queryServices } from './query-services.js';

const SERVICES = ['trino', 'athena'] as const;
const GOLD = ['daily_regional_sales', 'dim_customer', 'dim_date', 'dim_product', 'dim_seller', 'fact_reviews', 'fact_sales'];

const goldRows = async (lake: Lakehouse): Promise<Readonly<Record<string, readonly unknown[]>>> =>
  Object.fromEntries(
    await Promise.all(
      GOLD.map(
        async (name) => [name, await rowsOf(lake, `SELECT * FROM gold.${name} AS r ORDER BY to_json(r)::VARCHAR`)] as const,
      ),
    ),
  );

describe.skipIf(!hasQueryServices)('DuckDB, Trino and Athena', () => {
  const services = queryServices();
  const freshLake = async (overrides: Parameters<typeof openQueryLake>[3] = {}): Promise<Lakehouse> => {
    const { lakehouse, close } = await openQueryLake(services(), 'duckdb', {}, overrides);
    onTestFinished(close);
    return lakehouse;
  };

  it('give the same validation of every kind of partition', async () => {
    const lake = await lakeWithRejects(freshLake);
    const partitions = [
      ['orders', '2017-10-02'],
      ['orders', '2017-10'],
      ['orders', 'all'],
      ['order_items', '2017-10'],
      ['order_items', 'all'],
    ] as const;
    for (const [dataset, partition] of partitions) {
      const { engine: _, bytesScanned, ...expected } = await validatePartition(lake, { dataset, partition, samples: 3 });
      expect(bytesScanned).toBeGreaterThan(0);
      for (const engine of SERVICES) {
        const result = await validatePartition(lake, { dataset, partition, samples: 3, engine });
        expect(result).toEqual({ ...expected, engine, bytesScanned: expect.any(Number) });
        expect(result.bytesScanned).toBeGreaterThan(0);
      }
    }
  });

  it('build the same gold, and after late events too', async () => {
    const lakes = {
      duckdb: await freshLake(),
      trino: await freshLake(),
      athena: await freshLake(),
    };
    const shop = smallShop();
    const compare = async (datasets?: readonly string[]): Promise<void> => {
      let expected: Awaited<ReturnType<typeof goldRows>> | undefined;
      let plans: readonly unknown[] | undefined;
      for (const [engine, lake] of Object.entries(lakes) as ['duckdb', Lakehouse][]) {
        await putShop(lake, shop, datasets);
        const run = await runGold(lake, { engine });
        const said = run.models.map(({ model, action, reason, partitions, rows }) => ({
          model,
          action,
          reason,
          partitions,
          rows,
        }));
        plans ??= said;
        expect({ engine, said }).toEqual({ engine, said: plans });
        expected ??= await goldRows(lake);
        expect({ engine, rows: await goldRows(lake) }).toEqual({ engine, rows: expected });
        expect((await runGold(lake, { engine })).models.every((model) => model.action === 'none')).toBe(true);
      }
    };
    await compare();
    shop['orders']?.push(make.order('o5', 'c2', 'delivered', '2017-11-20', '2017-11-25 10:00:00'));
    await compare(['orders']);
    shop['order_items']?.push(make.item('o5', 1, '3.10', '2017-11-23'));
    await compare(['order_items']);
    shop['customers']?.push(make.customer('c9', 'zed', 'BA'));
    await compare(['customers']);
  });
});

/** Rules, validation and gold give the same in DuckDB, in Trino, and by Athena's API; whatever stops a run, nothing of it stays. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { compileExpressionForAthena } from '../../src/core/contract/compile-expression-athena.js';
import { compileExpressionForDuckDb } from '../../src/core/contract/compile-expression-duckdb.js';
import type { ColumnType } from '../../src/core/contract/contract.js';
import type { Expression } from '../../src/core/contract/expression.js';
import { checkCondition } from '../../src/core/contract/expression-type.js';
import { printExpression } from '../../src/core/contract/print-expression.js';
import { quoteIdentifier, quoteLiteral } from '../../src/core/engine/sql-text.js';
import { STATEMENT_RUN } from '../../src/core/cost/statement-record.js';
import { planGold, runGold } from '../../src/core/gold/run-gold.js';
import type { Lakehouse } from '../../src/core/lakehouse.js';
import { validatePartition } from '../../src/core/quality/validate-partition.js';
import { duckTypeOf } from '../../src/core/silver/silver-table.js';
import { STAGING_PREFIX } from '../../src/core/table/data-path.js';
import { arbitraryCondition, arbitraryRow, COLUMN_TYPES, type TextRow } from '../core/contract/arbitrary-expression.js';
import { make, putShop, smallShop } from '../core/gold/small-shop.js';
import { lakeWithRejects } from '../support/lake-with-rejects.js';
import { putSilver, rowsOf } from '../support/silver-lake.js';
import { tempDir } from '../support/temp-dir.js';
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

const usable = (expression: Expression): boolean => {
  try {
    checkCondition(expression, WIDE_TYPES);
    return true;
  } catch {
    return false; // needs more than 38 digits
  }
};

/** Decimals that no double holds beside the plain columns, and the doubles that have their own ideas of order. */
const WIDE_TYPES: ReadonlyMap<string, ColumnType> = new Map([
  ...COLUMN_TYPES,
  ['price', { kind: 'decimal', precision: 28, scale: 10 }],
]);
const RATIOS = ['NaN', 'Infinity', '-Infinity', '0.1', '-0.0', '123456789012345678', '1e22', null];
const PRICES = ['123456789012345678.1234567891', '0.1000000000', '-3.3333333333', '9007199254740993.0000000001', null];

const wideRow = fc
  .tuple(arbitraryRow, fc.constantFrom(...RATIOS), fc.constantFrom(...PRICES))
  .map(([row, ratio, price]): TextRow => ({ ...row, ratio, price }));

/** `SELECT id, <columns> FROM (VALUES …)`, the columns under their types. */
function valuesSql(rows: readonly TextRow[], typeOf: (type: ColumnType) => string): string {
  const names = [...WIDE_TYPES.keys()];
  const values = rows.map((row, id) => `(${[String(id), ...names.map((name) => textOf(row[name]))].join(', ')})`);
  const typed = [...WIDE_TYPES].map(
    ([name, type]) => `CAST(${quoteIdentifier(name)} AS ${typeOf(type)}) AS ${quoteIdentifier(name)}`,
  );
  return `SELECT id, ${typed.join(', ')} FROM (VALUES ${values.join(', ')}) AS t (id, ${names.map(quoteIdentifier).join(', ')})`;
}
const textOf = (value: string | null | undefined): string => (value == null ? 'NULL' : quoteLiteral(value));

const stagedKeys = async (lake: Lakehouse): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key } of (await lake.store()).list(STAGING_PREFIX)) keys.push(key);
  return keys;
};

const stagingTables = async (lake: Lakehouse): Promise<readonly unknown[]> => {
  const trino = await lake.statements('trino');
  return (await trino.execute(`SHOW TABLES FROM ${trino.schemaSql('silver')} LIKE 'keystone-%'`)).rows;
};

/** A models folder of one model. */
async function oneModel(name: string, text: string): Promise<string> {
  const models = await tempDir();
  await mkdir(path.join(models, 'gold'));
  await writeFile(path.join(models, 'gold', `${name}.sql`), text);
  return models;
}

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
    const costly = validatePartition(lake, { dataset: 'orders', partition: '2017-10', engine: 'trino', maxScan: 10 });
    await expect(costly).rejects.toMatchObject({
      code: 'KS_COST_LIMIT',
      message: expect.stringMatching(/^the statement would read .* of silver.orders .*; the limit is /),
      details: { table: 'silver.orders', maxScan: 10, bytes: expect.any(Number) },
    });
  });

  it('build the same gold, and after late events too', async () => {
    const lakes = {
      duckdb: await freshLake(),
      trino: await freshLake(),
      athena: await freshLake(),
    };
    const shop = smallShop();
    const build = async (engine: keyof typeof lakes, datasets?: readonly string[]) => {
      const lake = lakes[engine];
      await putShop(lake, shop, datasets);
      const { models } = await runGold(lake, { engine });
      const said = models.map(({ model, action, reason, partitions, rows }) => ({ model, action, reason, partitions, rows }));
      return { said, rows: await goldRows(lake) };
    };
    const compare = async (datasets?: readonly string[]): Promise<void> => {
      const [expected, ...others] = await Promise.all([
        build('duckdb', datasets),
        ...SERVICES.map(async (engine) => ({ engine, ...(await build(engine, datasets)) })),
      ]);
      for (const { engine, ...other } of others) expect({ engine, ...other }).toEqual({ engine, ...expected });
    };
    await compare();
    shop['orders']?.push(make.order('o5', 'c2', 'delivered', '2017-11-20', '2017-11-25 10:00:00'));
    shop['customers']?.push(make.customer('c9', 'zed', 'BA'));
    await compare(['orders', 'customers']);
    shop['order_items']?.push(make.item('o5', 1, '3.10', '2017-11-23'));
    await compare(['order_items']);
    for (const engine of SERVICES) {
      const { models } = await planGold(lakes[engine], { engine });
      expect(models.every(({ action }) => action === 'none')).toBe(true);
    }
  });

  it('give one verdict on every row for random rules', async () => {
    const lake = await freshLake();
    const trino = await lake.statements('trino');
    const session = await lake.duck();
    const rows = fc.sample(wideRow, { numRuns: 60, seed: 5 });
    await session.run(`CREATE TABLE sample AS ${valuesSql(rows, duckTypeOf)}`);
    const trinoType = (type: ColumnType): string => (type.kind === 'timestamp' ? 'TIMESTAMP(6)' : duckTypeOf(type));
    const source = valuesSql(rows, trinoType);
    const expressions = fc.sample(arbitraryCondition, { numRuns: 300, seed: 17 }).filter(usable);
    expect(expressions.length).toBeGreaterThan(250);
    for (let from = 0; from < expressions.length; from += 40) {
      const batch = expressions.slice(from, from + 40);
      const select = (compile: (expression: Expression) => string): string =>
        ['id', ...batch.map((expression, index) => `${compile(expression)} AS e${index}`)].join(', ');
      const ours = await session.jsonRows(
        `SELECT ${select((expression) => compileExpressionForDuckDb(expression, WIDE_TYPES))} FROM sample ORDER BY id`,
      );
      const theirs = await trino.execute(
        `SELECT ${select((expression) => compileExpressionForAthena(expression, WIDE_TYPES))} FROM (${source}) AS sample ORDER BY id`,
      );
      batch.forEach((expression, index) => {
        const said = printExpression(expression);
        expect({ said, verdicts: theirs.rows.map((row) => row[`e${index}`]) }).toEqual({
          said,
          verdicts: ours.map((row) => row[`e${index}`]),
        });
      });
    }
    await session.close();
  });

  it('write a model of more partitions than Athena writes at once', async () => {
    const models = await oneModel(
      'purchases',
      `-- Purchases of a day.\n-- grain: day\n-- inputs: silver.orders\n-- partition: day(day)\n-- affected by silver.orders: SELECT order_purchase_timestamp FROM changed
SELECT CAST(order_purchase_timestamp AS DATE) AS day, max(order_purchase_timestamp) AS latest, count(*) AS orders FROM {{ ref('silver.orders') }} GROUP BY 1\n`,
    );
    const lake = await freshLake({ models });
    const orders = (from: number, to: number): Promise<void> =>
      putSilver(
        lake,
        'orders',
        `SELECT 'o' || i AS order_id, 'c' AS customer_id, 'delivered' AS order_status,
           TIMESTAMP '2017-01-01 10:00:00.123457' + INTERVAL (i) DAY AS order_purchase_timestamp FROM range(${from}, ${to}) t(i)`,
      );
    await orders(0, 150);
    expect((await runGold(lake, { engine: 'athena' })).models).toMatchObject([{ action: 'rebuild', rows: 150, filesAdded: 150 }]);
    await orders(40, 43);
    const plan = await planGold(lake, { engine: 'athena' });
    expect(plan.models).toMatchObject([{ action: 'partitions', partitions: ['2017-02-10', '2017-02-11', '2017-02-12'] }]);
    const again = await runGold(lake, { engine: 'athena' });
    expect(again.models).toMatchObject([{ rows: 3, filesAdded: 3, filesRemoved: 3 }]);
    expect(
      await rowsOf(lake, 'SELECT count(*) AS days, sum(orders)::BIGINT AS orders, max(latest) AS latest FROM gold.purchases'),
    ).toEqual([{ days: 150, orders: 153, latest: '2017-05-30 10:00:00.123457' }]);
    const forcedBy = await runGold(lake, { engine: 'trino', full: true });
    expect(forcedBy.models).toMatchObject([{ action: 'rebuild', rows: 150 }]);
  });

  it('leave nothing behind when a run fails, is stopped, or was killed', async () => {
    const models = await oneModel(
      'ratio',
      `-- Fails where a price is 3.\n-- grain: order_id, order_item_id\n-- inputs: silver.order_items
SELECT order_id, order_item_id, CAST(CAST(price AS VARCHAR) || CASE WHEN price = 3 THEN 'x' ELSE '' END AS DECIMAL(12, 2)) AS price FROM {{ ref('silver.order_items') }}\n`,
    );
    const lake = await freshLake({ models });
    const shop = smallShop();
    await putShop(lake, shop, ['order_items']);
    for (const engine of SERVICES) {
      // What a killed run left: files, and with Trino a table that its catalog knows.
      const store = await lake.store();
      const place = `${STAGING_PREFIX}gone-0`;
      if (engine === 'trino') {
        const trino = await lake.statements('trino');
        const name = `${trino.schemaSql('silver')}."keystone-stage-gone-0"`;
        await trino.execute(`CREATE TABLE ${name} WITH (location = ${quoteLiteral(store.uri(place))}) AS SELECT 1 AS x`);
        expect(await stagingTables(lake)).toHaveLength(1);
        expect((await lake.tableNames()).filter((name) => name.includes('stage'))).toEqual([]);
      } else await store.put(`${place}/part-0`, Buffer.from('rows'));
      expect((await stagedKeys(lake)).length).toBeGreaterThan(0);
      const controller = new AbortController();
      const stopped = runGold(lake, {
        engine,
        full: true,
        signal: controller.signal,
        onProgress: ({ unit }) => unit === 'bytes' && controller.abort(),
      });
      await expect(stopped).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
      await expect.poll(() => stagedKeys(lake), { timeout: 60_000 }).toEqual([]);

      shop['order_items']?.push(make.item('bad', 1, '3.00', '2017-10-05'));
      await putShop(lake, shop, ['order_items']);
      await expect(runGold(lake, { engine })).rejects.toMatchObject({
        code: 'KS_MODEL',
        message: expect.stringMatching(new RegExp(`^gold.ratio: ${engine}: .*3.00x`)),
        details: { model: 'gold.ratio', engine, statement: expect.any(String) },
      });
      expect(await stagedKeys(lake)).toEqual([]);
      shop['order_items']?.pop();
      await putShop(lake, shop, ['order_items']);
      const run = await runGold(lake, { engine });
      expect(run.models).toMatchObject([{ model: 'gold.ratio', rows: 4 }]);
      expect(run.bytesScanned).toBeGreaterThan(0);
      const statements = await (await lake.state()).listRuns({ command: STATEMENT_RUN, limit: 100 });
      expect(statements).toContainEqual(
        expect.objectContaining({ status: 'failed', detail: expect.objectContaining({ engine, command: 'gold run' }) }),
      );
      const read = { engine, command: 'gold run', tables: [{ table: 'silver.order_items', estimatedBytes: expect.any(Number) }] };
      expect(statements).toContainEqual(expect.objectContaining({ status: 'succeeded', detail: expect.objectContaining(read) }));
      await expect(runGold(lake, { engine, full: true, maxScan: 10 })).rejects.toMatchObject({
        code: 'KS_COST_LIMIT',
        message: expect.stringMatching(/^gold.ratio: the statement would read .* of silver.order_items .*; the limit is /),
        details: { table: 'silver.order_items', maxScan: 10, bytes: expect.any(Number) },
      });
      expect(await stagedKeys(lake)).toEqual([]);
    }
    expect(await stagingTables(lake)).toEqual([]);
  });
});

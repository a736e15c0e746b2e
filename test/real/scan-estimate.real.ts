/** What is estimated of a statement against what Trino says that it read: a limit of bytes is worth what the estimate is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { askLake } from '../../src/core/query/ask-lake.js';
import { estimateScan } from '../../src/core/cost/estimate-scan.js';
import { OUTSIDE, WHOLE } from '../support/outside-conditions.js';
import { putSilver } from '../support/silver-lake.js';
import { hasQueryServices, openQueryLake, queryServices, type OpenedLake } from './query-services.js';

/** Five small files. */
const ORDERS = `SELECT 'order-' || i AS order_id, 'c1' AS customer_id, 'delivered' AS order_status,
  TIMESTAMP '2018-01-01 10:00:00' + to_days((i % 5)::INTEGER) AS order_purchase_timestamp FROM range(500) t(i)`;
/** Small. */
const ITEMS = `SELECT 'order-' || i AS order_id, 1 AS order_item_id, 'p' || (i % 7) AS product_id, 's1' AS seller_id,
  ((i * 37 % 1000) / 10)::DECIMAL(18,2) AS price, 1.5::DECIMAL(18,2) AS freight_value,
  TIMESTAMP '2018-01-01 10:00:00' + to_months((i % 12)::INTEGER) AS shipping_limit_date FROM range(20000) t(i)`;
/** Above what is read whole: keys that don't compress, and values that do. */
const REVIEWS = `SELECT md5('a' || i) || md5('b' || i) AS review_id, md5('o' || i) AS order_id, (i % 5)::INTEGER AS review_score,
  md5('c' || i) || md5('d' || i) AS review_comment_message,
  TIMESTAMP '2018-01-01 10:00:00' AS review_creation_date FROM range(60000) t(i)`;

const STATEMENTS: readonly string[] = [
  'SELECT count(*) AS n, sum(price) AS s FROM silver.order_items',
  'SELECT count(*) AS n FROM silver.order_items',
  'SELECT * FROM silver.order_items',
  "SELECT max(price) AS m FROM silver.order_items WHERE product_id = 'p3'",
  "SELECT sum(price) AS s FROM silver.order_items WHERE order_id LIKE 'order-9%'",
  'SELECT count(DISTINCT order_id) AS n FROM silver.orders',
  'SELECT order_status, count(*) AS n FROM silver.orders GROUP BY 1',
  "SELECT count(DISTINCT order_id) AS n FROM silver.orders WHERE order_purchase_timestamp < TIMESTAMP '2018-01-02 00:00:00'",
  'SELECT max(order_id) AS m FROM silver.orders WHERE year = 2018 AND month = 1 AND day IN (1, 2)',
  'SELECT o.order_status, sum(i.price) AS s FROM silver.orders o JOIN silver.order_items i ON o.order_id = i.order_id GROUP BY 1',
  'WITH i AS (SELECT * FROM silver.order_items) SELECT max(a.price) AS m FROM i a JOIN i b ON a.order_id = b.order_id WHERE b.price > (SELECT avg(price) FROM i)',
  'SELECT max(price) AS m FROM (TABLE silver.order_items)',
  'SELECT avg(review_score) AS a FROM silver.order_reviews',
  'SELECT count(DISTINCT order_id) AS n FROM silver.order_reviews',
  'SELECT max(review_id) AS a, max(order_id) AS b, max(review_comment_message) AS c FROM silver.order_reviews',
  'SELECT count(*) AS n FROM silver.order_reviews',
];

const CUSTOMERS = `SELECT 'c1' AS customer_id, 'u1' AS customer_unique_id, 'sp' AS customer_city FROM range(1) t(i)`;

/** What Trino's EXPLAIN (TYPE IO, FORMAT JSON) says of tables. */
const inputs = z.object({
  inputTableColumnInfos: z.array(
    z.object({
      table: z.object({ schemaTable: z.object({ table: z.string() }) }),
      constraint: z.object({ columnConstraints: z.array(z.object({ columnName: z.string() })) }),
    }),
  ),
});
const DAYS = ['order_purchase_timestamp', 'year', 'month', 'day'];

const isCount = (sql: string): boolean => sql.startsWith('SELECT count(*) AS n FROM');

describe.skipIf(!hasQueryServices)('the estimate beside what Trino reads', () => {
  const services = queryServices();
  let lake: OpenedLake;
  beforeAll(async () => {
    lake = await openQueryLake(services(), 'trino');
    await putSilver(lake.lakehouse, 'orders', ORDERS);
    await putSilver(lake.lakehouse, 'customers', CUSTOMERS);
    await putSilver(lake.lakehouse, 'order_items', ITEMS);
    await putSilver(lake.lakehouse, 'order_reviews', REVIEWS);
  });
  afterAll(() => lake?.close());

  it('is at least half of it, and not more than five times', async () => {
    const told: { sql: string; estimated: number; actual: number }[] = [];
    for (const sql of STATEMENTS) {
      const { cost } = await askLake(lake.lakehouse, {
        sql,
        engine: 'trino',
        dialect: 'athena',
        maxRows: 100_000,
        allowFullScan: true,
        mayFallBack: false,
        command: 'query',
      });
      told.push({ sql, estimated: cost?.estimatedBytes ?? -1, actual: cost?.actualBytes ?? -1 });
    }
    expect(told.filter(({ estimated, actual }) => estimated < actual / 2)).toEqual([]);
    // This Trino counts rows by the manifests; others read the ends of the files.
    const read = told.filter(({ actual }) => actual > 0);
    expect(read.filter(({ estimated, actual }) => estimated > actual * 5)).toEqual([]);
    expect(told.filter(({ actual }) => actual === 0).map(({ sql }) => sql)).toEqual(STATEMENTS.filter(isCount));
  });

  /** Whether each scan of the orders in Trino's plan is bounded by columns of their partitions. */
  const isBounded = async (sql: string): Promise<boolean> => {
    const engine = await lake.lakehouse.engine('trino');
    const { rows } = await engine.query(`EXPLAIN (TYPE IO, FORMAT JSON) ${sql}`, { dialect: 'athena', maxRows: 1 });
    const told = inputs.parse(JSON.parse(z.string().parse(Object.values(rows[0] ?? {})[0])));
    const scans = told.inputTableColumnInfos.filter(({ table }) => table.schemaTable.table === 'orders');
    expect(scans, sql).not.toEqual([]);
    return scans.every(({ constraint }) => constraint.columnConstraints.some(({ columnName }) => DAYS.includes(columnName)));
  };
  const isPruned = async (sql: string): Promise<boolean> => {
    const told = await estimateScan(lake.lakehouse, sql, 'trino');
    const scans = told?.tables.filter(({ table }) => table === 'silver.orders') ?? [];
    return scans.length > 0 && scans.every((scan) => scan.isPruned);
  };

  it('takes a table for bounded only where the plan bounds each of its scans', async () => {
    const judged: { sql: string; ours: boolean; trinos: boolean }[] = [];
    for (const sql of [...OUTSIDE, ...WHOLE]) judged.push({ sql, ours: await isPruned(sql), trinos: await isBounded(sql) });
    const alike = (sqls: readonly string[], is: boolean): typeof judged => sqls.map((sql) => ({ sql, ours: is, trinos: is }));
    expect(judged).toEqual([...alike(OUTSIDE, true), ...alike(WHOLE, false)]);
  });
});

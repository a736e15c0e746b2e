/** What is estimated of a statement against what Trino says that it read: a limit of bytes is worth what the estimate is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askLake } from '../../src/core/query/ask-lake.js';
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
  'SELECT avg(review_score) AS a FROM silver.order_reviews',
  'SELECT count(DISTINCT order_id) AS n FROM silver.order_reviews',
  'SELECT max(review_id) AS a, max(order_id) AS b, max(review_comment_message) AS c FROM silver.order_reviews',
  'SELECT count(*) AS n FROM silver.order_reviews',
];

const isCount = (sql: string): boolean => sql.startsWith('SELECT count(*) AS n FROM');

describe.skipIf(!hasQueryServices)('the estimate beside what Trino reads', () => {
  const services = queryServices();
  let lake: OpenedLake;
  beforeAll(async () => {
    lake = await openQueryLake(services(), 'trino');
    await putSilver(lake.lakehouse, 'orders', ORDERS);
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
});

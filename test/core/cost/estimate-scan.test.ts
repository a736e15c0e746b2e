import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { estimateScan, type Reader, type ScanEstimate } from '../../../src/core/cost/estimate-scan.js';
import { estimateStatement } from '../../../src/core/cost/estimate-statement.js';
import { loadModels } from '../../../src/core/gold/load-models.js';
import { requireAffordable } from '../../../src/core/cost/scan-guard.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { silverTable } from '../../../src/core/silver/silver-table.js';
import { OUTSIDE, TOO_CAUTIOUS, WHOLE } from '../../support/outside-conditions.js';
import { putSilver, silverLake } from '../../support/silver-lake.js';

/** Ten days of orders, a file for each. */
const ORDERS = `SELECT 'order-' || i AS order_id, 'c1' AS customer_id, repeat('x', 50) || i AS order_status,
  TIMESTAMP '2018-01-01 10:00:00' + to_days((i % 10)::INTEGER) AS order_purchase_timestamp FROM range(1000) t(i)`;
const CUSTOMERS = `SELECT 'c1' AS customer_id, 'u1' AS customer_unique_id, 'sp' AS customer_city FROM range(1) t(i)`;

describe('the estimate of a statement', () => {
  let lake: Lakehouse;
  const cleanUps: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    lake = await silverLake({}, (cleanUp) => cleanUps.push(cleanUp));
    await putSilver(lake, 'orders', ORDERS);
    await putSilver(lake, 'customers', CUSTOMERS);
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });
  const estimate = async (sql: string, reader: Reader = 'duckdb'): Promise<ScanEstimate> => {
    const told = await estimateScan(lake, sql, reader);
    if (!told) throw new Error('no estimate');
    return told;
  };
  it.each([
    ['SELEC 1', 'KS_SQL', /begins with SELEC/, /did you mean SELECT/],
    ['DROP TABLE silver.orders', 'KS_SQL', /begins with DROP/, /give one SELECT/],
    ["SELECT 'x FROM silver.orders", 'KS_SQL', /a quote in it never ends/, /whole SELECT/],
    ['SELECT (1 FROM silver.orders', 'KS_SQL', /bracket/, /whole SELECT/],
    ['SELECT * FROM silver.order', 'KS_NOT_FOUND', /no table silver\.order$/, /did you mean silver\.orders\?/],
    ['SELECT * FROM orders', 'KS_NOT_FOUND', /no table orders: .* layer/, /did you mean silver\.orders\?/],
    ['SELECT * FROM far.away', 'KS_NOT_FOUND', /no table far\.away/, /table list/],
  ])('says which mistake keeps it from being told: %s', async (sql, code, message, hint) => {
    await expect(estimateStatement(lake, sql)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
      hint: expect.stringMatching(hint) as string,
    });
  });

  const filesOf = async (sql: string): Promise<readonly (readonly [number, boolean])[]> =>
    (await estimate(sql)).tables
      .filter(({ table }) => table === 'silver.orders')
      .map(({ files, isPruned }) => [files, isPruned] as const);

  it.each([
    ['SELECT * FROM silver.orders', [[10, false]]],
    ["SELECT * FROM silver.orders WHERE order_purchase_timestamp >= TIMESTAMP '2018-01-08 00:00:00'", [[3, true]]],
    ["SELECT * FROM silver.orders WHERE order_purchase_timestamp BETWEEN DATE '2018-01-02' AND DATE '2018-01-04'", [[2, true]]],
    ["SELECT * FROM silver.orders o WHERE CAST(o.order_purchase_timestamp AS date) = DATE '2018-01-02'", [[1, true]]],
    ['SELECT * FROM silver.orders WHERE year = 2018 AND month = 1 AND day IN (1, 2)', [[2, true]]],
    ['SELECT * FROM silver.orders WHERE year = 2017', [[0, true]]],
    ["SELECT * FROM silver.orders WHERE date_trunc('day', order_purchase_timestamp) = DATE '2018-01-02'", [[10, false]]],
    ["SELECT * FROM silver.orders WHERE order_id = 'order-1'", [[2, false]]],
    ["SELECT * FROM silver.orders WHERE day = 1 OR order_id = 'order-1'", [[10, false]]],
    ['SELECT * FROM silver.orders WHERE day = 1 OR day = 2', [[2, true]]],
    ['SELECT * FROM silver.orders WHERE NOT day = 1', [[10, false]]],
    ['WITH o AS (SELECT * FROM silver.orders WHERE day = 3) SELECT * FROM o WHERE year = 2018', [[1, true]]],
    [
      'SELECT * FROM silver.orders a JOIN silver.orders b ON a.order_id = b.order_id WHERE a.day = 1',
      [
        [1, true],
        [10, false],
      ],
    ],
    [
      'SELECT * FROM silver.orders a JOIN silver.orders b ON a.order_id = b.order_id AND b.day = 2 WHERE a.day = 1',
      [
        [1, true],
        [1, true],
      ],
    ],
    ['SELECT * FROM silver.customers c LEFT JOIN silver.orders o ON c.customer_id = o.customer_id AND o.day = 2', [[10, false]]],
    ['SELECT * FROM silver.customers c JOIN silver.orders o USING (customer_id) WHERE day = 2', [[1, true]]],
    [
      'SELECT * FROM silver.orders WHERE day = 1 UNION ALL SELECT * FROM silver.orders',
      [
        [1, true],
        [10, false],
      ],
    ],
    ['SELECT (SELECT count(*) FROM silver.orders WHERE day = 1) FROM silver.customers', [[1, true]]],
    ['EXPLAIN SELECT * FROM silver.orders', []],
    ["SELECT 'x' -- FROM silver.orders", []],
  ])('%s', async (sql, files) => {
    expect(await filesOf(sql)).toEqual(files);
  });

  it('follows the shipped models, so that what they read is told by columns', async () => {
    for (const dataset of (await lake.contracts()).values()) await lake.ensureTable(silverTable(dataset));
    for (const { name, sql, inputs } of await loadModels(lake.config.models)) {
      if (inputs.some((input) => input.startsWith('gold.'))) continue; // not built here
      const { tables } = await estimate(sql);
      expect([name, [...new Set(tables.map(({ table }) => table))].toSorted()]).toEqual([name, inputs.toSorted()]);
      expect(tables.some(({ columns, tableColumns }) => columns < tableColumns)).toBe(true);
    }
  });

  it('counts the columns that are named, and all for a star', async () => {
    const [all, one, none] = await Promise.all([
      estimate('SELECT * FROM silver.orders'),
      estimate('SELECT max(order_status) FROM silver.orders'),
      estimate('SELECT count(*) FROM silver.orders'),
    ]);
    const table = all.tables[0];
    expect(all.bytes).toBeGreaterThan((table?.tableBytes ?? 0) * 0.2);
    expect(all.bytes).toBeLessThanOrEqual(table?.tableBytes ?? 0);
    expect(one.bytes).toBeGreaterThan(0);
    expect(one.bytes).toBeLessThan(all.bytes / 2);
    expect(one.tables[0]?.columns).toBe(1);
    expect(none.bytes).toBe(0);
  });

  it('takes small files whole where the engine does', async () => {
    const sizes = async (sql: string): Promise<readonly number[]> => {
      const { bytes, tables } = await estimate(sql, 'trino');
      return [bytes, tables[0]?.tableBytes ?? 0];
    };
    const [one, whole = 0] = await sizes('SELECT max(order_status) FROM silver.orders');
    expect(one).toBe(whole);
    expect((await sizes('SELECT count(*) FROM silver.orders'))[0]).toBeGreaterThan(0);
    expect((await sizes('SELECT max(order_id) FROM silver.orders WHERE day = 3'))[0]).toBeLessThan(whole / 5);
  });

  const guarded = async (sql: string): Promise<string> => {
    try {
      requireAffordable(await estimate(sql, 'trino'), { allowFullScan: false });
      return 'accepted';
    } catch (error) {
      return (error as { readonly code: string }).code;
    }
  };
  it.each(OUTSIDE)('accepts a condition outside of the query that names the table: %s', async (sql) => {
    expect(await guarded(sql)).toBe('accepted');
    const scans = await filesOf(sql);
    expect(scans.length).toBeGreaterThan(0);
    expect(scans.filter(([files, isPruned]) => !isPruned || files === 0 || files === 10)).toEqual([]);
  });
  it.each([...WHOLE, ...TOO_CAUTIOUS])('refuses a condition that may not reach the table: %s', async (sql) => {
    expect(await guarded(sql)).toBe('KS_COST_LIMIT');
  });
  it('keeps the files of all uses of a common table', async () => {
    const sql = 'WITH o AS (SELECT * FROM silver.orders) SELECT * FROM o WHERE day = 2 UNION ALL SELECT * FROM o WHERE day = 4';
    expect(await filesOf(sql)).toEqual([[3, true]]);
  });
  it('counts a common table once for each use where the engine reads it anew', async () => {
    const once = (await estimate('SELECT order_id FROM silver.orders', 'trino')).bytes;
    const twice = `WITH o AS (SELECT order_id FROM silver.orders), p AS (SELECT * FROM o)
      SELECT * FROM p WHERE order_id IN (SELECT order_id FROM p) UNION SELECT order_id FROM o`;
    expect((await estimate(twice, 'trino')).bytes).toBe(once * 3);
    expect((await estimate(twice, 'duckdb')).bytes).toBeLessThan(once);
  });
  it('follows common tables that each read another twice', async () => {
    const names = Array.from({ length: 60 }, (_, n) => `t${n}`);
    const steps = names.slice(1).map((name, n) => `${name} AS (SELECT a.* FROM t${n} a JOIN t${n} b ON a.order_id = b.order_id)`);
    const sql = `WITH t0 AS (SELECT * FROM silver.orders), ${steps.join(', ')} SELECT * FROM t59 WHERE day = 2`;
    expect(await guarded(sql)).toBe('KS_COST_LIMIT');
    expect(await guarded(sql.replaceAll('a JOIN', 'a LEFT JOIN').replaceAll(/JOIN t\d+ b/g, 'JOIN silver.customers b'))).toBe(
      'accepted',
    );
  });

  it('refuses what reads every partition, or too much', async () => {
    const whole = await estimate('SELECT * FROM silver.orders');
    expect(() => requireAffordable(whole, { allowFullScan: false })).toThrow(
      expect.objectContaining({
        code: 'KS_COST_LIMIT',
        message: expect.stringContaining('silver.orders'),
        hint: expect.stringContaining('order_purchase_timestamp'),
      }),
    );
    expect(() => requireAffordable(whole, { allowFullScan: true, maxScan: 100 })).toThrow(
      expect.objectContaining({ code: 'KS_COST_LIMIT', message: expect.stringContaining('the limit is') }),
    );
    requireAffordable(whole, { allowFullScan: true });
    requireAffordable(await estimate('SELECT * FROM silver.orders WHERE day = 1'), { allowFullScan: false, maxScan: 1e9 });
    requireAffordable(await estimate('SELECT * FROM silver.customers'), { allowFullScan: false });
  });
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SqlEngine } from '../../../../src/core/engine/sql-engine.js';
import type { Lakehouse } from '../../../../src/core/lakehouse.js';
import { openDuckEngine } from '../../../../src/core/engine/duckdb/duck-engine.js';
import { putSilver, silverLake } from '../../../support/silver-lake.js';

const ORDERS = (from: number, to: number): string =>
  `SELECT 'o' || i AS order_id, 'c1' AS customer_id, TIMESTAMP '2017-10-02 10:56:33' + to_days(i::INTEGER) AS order_purchase_timestamp FROM range(${from}, ${to}) t(i)`;

describe('the DuckDB engine', () => {
  let lakehouse: Lakehouse;
  let engine: SqlEngine;
  const cleanUps: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    lakehouse = await silverLake({}, (cleanUp) => cleanUps.push(cleanUp));
    await putSilver(lakehouse, 'orders', ORDERS(0, 3));
    engine = await lakehouse.engine();
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });
  const valueOf = async (expression: string): Promise<unknown> =>
    (await engine.query(`SELECT ${expression} AS v`)).rows[0]?.['v'];

  it.each([
    ['42', 42],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', '9007199254740992'],
    ['(-9007199254740993)::HUGEINT', '-9007199254740993'],
    ['1.50::DECIMAL(12,2)', '1.50'],
    ['-0.05::DECIMAL(12,2)', '-0.05'],
    ['0.1::DOUBLE', 0.1],
    ["'nan'::DOUBLE", 'NaN'],
    ["'-inf'::DOUBLE", '-Infinity'],
    ["TIMESTAMP '2017-10-02 10:56:33'", '2017-10-02 10:56:33'],
    ["TIMESTAMP '2017-10-02 10:56:33.5'", '2017-10-02 10:56:33.500000'],
    ["TIMESTAMPTZ '2017-10-02 10:56:33+02'", '2017-10-02 08:56:33+00'],
    ["DATE '2017-10-02'", '2017-10-02'],
    ["'\\xFF\\x00'::BLOB", '/wA='],
    ['NULL', null],
    ['true', true],
    ['[1.5::DECIMAL(3,1), NULL]', ['1.5', null]],
    ["{'a': {'b': 9007199254740992}}", { a: { b: '9007199254740992' } }],
    ["MAP {'k': DATE '2017-10-02'}", { k: '2017-10-02' }],
    ['MAP {1: 2}', [{ key: 1, value: 2 }]],
  ])('gives %s as JSON', async (expression, expected) => {
    expect(await valueOf(expression)).toEqual(expected);
  });

  it('names the columns with their types, and two of one name apart', async () => {
    const { columns, rows } = await engine.query("SELECT 1 AS a, 2.50::DECIMAL(12,2) AS a, TIMESTAMP '2020-01-01' AS t");
    expect(columns).toEqual([
      { name: 'a', type: 'INTEGER' },
      { name: 'a:1', type: 'DECIMAL(12,2)' },
      { name: 't', type: 'TIMESTAMP' },
    ]);
    expect(rows).toEqual([{ a: 1, 'a:1': '2.50', t: '2020-01-01 00:00:00' }]);
  });

  it('sees what was committed since the last query', async () => {
    const count = async (): Promise<unknown> => (await engine.query('SELECT count(*) AS n FROM silver.orders')).rows[0]?.['n'];
    const before = Number(await count());
    await putSilver(lakehouse, 'orders', ORDERS(10, 12));
    expect(await count()).toBe(before + 2);
  });

  it('reports the bytes of the files of the tables that were asked', async () => {
    const scan = await (await lakehouse.table('silver.orders'))?.scan();
    expect((await engine.query('SELECT 1')).bytesScanned).toBe(0);
    expect((await engine.query('SELECT count(*) FROM silver.orders')).bytesScanned).toBe(scan?.sizeBytes);
  });

  it('stops at maxRows and says so', async () => {
    expect(await engine.query('SELECT * FROM range(5)', { maxRows: 2 })).toMatchObject({
      rows: [{ range: 0 }, { range: 1 }],
      truncated: true,
    });
    expect(await engine.query('SELECT * FROM range(2)', { maxRows: 2 })).toMatchObject({ truncated: false });
  });

  it('lists the tables of the lake', async () => {
    expect((await engine.query('SHOW TABLES')).rows).toEqual([{ name: 'silver.orders' }]);
    expect((await engine.query("SELECT table_name FROM information_schema.tables WHERE table_schema = 'silver'")).rows).toEqual([
      { table_name: 'orders' },
    ]);
    expect((await engine.query('DESCRIBE silver.orders')).rows[0]).toMatchObject({
      column_name: 'order_id',
      column_type: 'VARCHAR',
    });
    expect((await engine.query('EXPLAIN SELECT * FROM silver.orders')).rows).toHaveLength(1);
  });

  it('takes names of common tables, comments and literals for what they are', async () => {
    const sql = `/* FROM silver.nope */ WITH orders AS (SELECT * FROM silver.orders) SELECT 'FROM silver.nope' AS text FROM orders LIMIT 1 -- silver.nope`;
    expect((await engine.query(sql)).rows).toEqual([{ text: 'FROM silver.nope' }]);
  });

  it.each(['silver.nope', 'orders', "'/etc/passwd'", 'nope.orders'])('does not find %s, and says what there is', async (name) => {
    await expect(engine.query(`SELECT * FROM ${name}`)).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      hint: expect.stringContaining('silver.orders'),
    });
  });

  it.each([
    'CREATE TABLE x AS SELECT 1',
    'DROP SCHEMA silver CASCADE',
    'INSERT INTO silver.orders SELECT * FROM silver.orders',
    "COPY (SELECT 1) TO '/tmp/keystone-out.csv'",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/keystone-out.csv'",
    "ATTACH '/tmp/keystone.db'",
    'SET threads = 1',
    'INSTALL httpfs',
    'SELECT 1; SELECT 2',
    '',
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
  ])('refuses %s', async (sql) => {
    await expect(engine.query(sql)).rejects.toMatchObject({ code: 'KS_SQL', message: expect.stringContaining('refused') });
  });

  it('says where the SQL is wrong, in the engine’s words', async () => {
    await expect(engine.query('SELECT order_id,\n  nope FROM silver.orders')).rejects.toMatchObject({
      code: 'KS_SQL',
      message: expect.stringContaining('"nope" not found'),
      details: expect.objectContaining({ line: 2, column: 3 }),
    });
    await expect(engine.query('SELECT 1\nFRM silver.orders x')).rejects.toMatchObject({
      code: 'KS_SQL',
      message: expect.stringContaining('line 2'),
    });
    await expect(engine.query("SELECT CAST('x' AS INTEGER)")).rejects.toMatchObject({ code: 'KS_SQL' });
  });

  it('stops a running query on request and goes on with the next', async () => {
    const controller = new AbortController();
    const endless = engine.query('SELECT sum(a.range * b.range) FROM range(300000) a, range(300000) b', {
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(), 100);
    await expect(endless).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
    expect(await valueOf('1')).toBe(1);
  });

  it('answers queries that are asked at once, each in its dialect', async () => {
    const [own, athena] = await Promise.all([
      engine.query('SELECT 7 / 2 AS v'),
      engine.query('SELECT 7 / 2 AS v', { dialect: 'athena' }),
    ]);
    expect([own.rows, athena.rows]).toEqual([[{ v: 3.5 }], [{ v: 3 }]]);
  });

  it('refuses what would silently mean another day in the models’ dialect', async () => {
    const sql = "SELECT EXTRACT(DOW FROM DATE '2020-03-01') AS v";
    expect((await engine.query(sql)).rows).toEqual([{ v: 0 }]);
    await expect(engine.query(sql, { dialect: 'athena' })).rejects.toMatchObject({
      code: 'KS_SQL',
      hint: expect.stringContaining('day_of_week'),
    });
    expect((await engine.query("SELECT day_of_week(DATE '2020-03-01') AS v", { dialect: 'athena' })).rows).toEqual([{ v: 7 }]);
  });

  it('locks its session, so that what the parse tree does not show still cannot leave the lake', async () => {
    const session = await lakehouse.duck();
    const own = await openDuckEngine({
      session,
      tableNames: lakehouse.tableNames,
      table: lakehouse.table,
      store: await lakehouse.store(),
      readableFolders: [lakehouse.config.profile.store.path],
    });
    await expect(session.rows("SELECT * FROM read_text('/etc/hostname')")).rejects.toThrow('disabled by configuration');
    await expect(session.run("COPY (SELECT 1) TO '/tmp/keystone-out.csv'")).rejects.toThrow('disabled by configuration');
    await own.close();
  });
});

describe('a project below a folder with glob characters', () => {
  it.each(['star*', 'what?', 'square[a]', "all [*?]x] o'neil"])('is queried: %s', async (folder) => {
    const lakehouse = await silverLake({}, undefined, folder);
    await putSilver(lakehouse, 'orders', ORDERS(0, 3));
    const engine = await lakehouse.engine();
    expect((await engine.query('SELECT count(*) AS n FROM silver.orders')).rows).toEqual([{ n: 3 }]);
    await expect(engine.query("SELECT * FROM read_text('/etc/hostname')")).rejects.toMatchObject({ code: 'KS_SQL' });
  });
});

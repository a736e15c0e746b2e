/** What every engine must do, asked in the models' dialect, which all of them speak. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tableFromIPC } from 'apache-arrow';
import type { QueryOptions, QueryResult, SqlEngine } from '../../../src/core/engine/sql-engine.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import type { TableDefinition } from '../../../src/core/table/table-api.js';
import { writeDataFiles } from '../../../src/core/table/write-data-files.js';
import { putSilver } from '../../support/silver-lake.js';

export interface EngineUnderTest {
  readonly lakehouse: Lakehouse;
  readonly engine: SqlEngine;
  readonly close: () => Promise<void>;
}

const ORDERS = (from: number, to: number): string =>
  `SELECT 'o' || i AS order_id, 'c' || i % 2 AS customer_id, CASE WHEN i = 1 THEN '' ELSE 'delivered' END AS order_status,
     TIMESTAMP '2017-10-02 10:56:33' + to_days(i::INTEGER) AS order_purchase_timestamp FROM range(${from}, ${to}) t(i)`;

const KINDS: TableDefinition = {
  name: 'gold.kinds',
  fields: [
    { id: 1, name: 'n', type: 'long', required: false },
    { id: 2, name: 'money', type: 'decimal(12,2)', required: false },
    { id: 3, name: 'at', type: 'timestamp', required: false },
    { id: 4, name: 'day', type: 'date', required: false },
    { id: 5, name: 'raw', type: 'binary', required: false },
    { id: 6, name: 'yes', type: 'boolean', required: false },
    { id: 7, name: 'ratio', type: 'double', required: false },
    { id: 8, name: 'text', type: 'string', required: false },
    { id: 9, name: 'tags', type: { kind: 'list', elementId: 10, element: 'string' }, required: false },
  ],
  partition: [],
  properties: {},
};
const KINDS_SQL = `SELECT * FROM (VALUES
  (9007199254740993, 1.50::DECIMAL(12,2), TIMESTAMP '2017-10-02 10:56:33.123456', DATE '2017-10-02', '\\xFF\\x00'::BLOB, true, 0.1::DOUBLE, 'a, "b" = {c}', ['x, y', NULL, '']),
  (1, -0.05::DECIMAL(12,2), TIMESTAMP '2017-10-02 10:56:33', DATE '1969-12-31', ''::BLOB, false, -1e300::DOUBLE, '', []),
  (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) t(n, money, "at", day, raw, yes, ratio, "text", tags)`;
const KINDS_ROWS = [
  {
    n: '9007199254740993',
    money: '1.50',
    at: '2017-10-02 10:56:33.123456',
    day: '2017-10-02',
    raw: '/wA=',
    yes: true,
    ratio: 0.1,
    text: 'a, "b" = {c}',
    tags: ['x, y', null, ''],
  },
  { n: 1, money: '-0.05', at: '2017-10-02 10:56:33', day: '1969-12-31', raw: '', yes: false, ratio: -1e300, text: '', tags: [] },
  { n: null, money: null, at: null, day: null, raw: null, yes: null, ratio: null, text: null, tags: null },
];

export function sqlEngineContract(name: string, open: () => Promise<EngineUnderTest>): void {
  describe(`${name}: an engine`, () => {
    let lakehouse: Lakehouse;
    let engine: SqlEngine;
    let close: (() => Promise<void>) | undefined;
    beforeAll(async () => {
      ({ lakehouse, engine, close } = await open());
      await putSilver(lakehouse, 'orders', ORDERS(0, 3));
      const session = await lakehouse.duck();
      const table = await lakehouse.ensureTable(KINDS);
      const add = await writeDataFiles(session, table, KINDS_SQL, { fileName: (n) => `kinds-${n}` });
      await table.commit({ add });
      await session.close();
    });
    afterAll(() => close?.());
    const query = (sql: string, options: QueryOptions = {}): Promise<QueryResult> =>
      engine.query(sql, { dialect: 'athena', ...options });
    const valueOf = async (expression: string): Promise<unknown> => (await query(`SELECT ${expression} AS v`)).rows[0]?.['v'];

    it('gives every type as the documented JSON', async () => {
      expect((await query('SELECT * FROM gold.kinds ORDER BY n DESC NULLS LAST')).rows).toEqual(KINDS_ROWS);
    });

    it('gives constants and what is computed as the documented JSON', async () => {
      const { rows } = await query(`SELECT 42 AS a, CAST(9007199254740992 AS bigint) AS b, CAST(1.5 AS decimal(12,2)) AS c,
        CAST('NaN' AS double) AS d, TIMESTAMP '2017-10-02 10:56:33.5' AS e, DATE '2017-10-02' AS f, CAST(NULL AS varchar) AS g, 'it''s' AS h`);
      expect(rows).toEqual([
        {
          a: 42,
          b: '9007199254740992',
          c: '1.50',
          d: 'NaN',
          e: '2017-10-02 10:56:33.500000',
          f: '2017-10-02',
          g: null,
          h: "it's",
        },
      ]);
    });

    it('tells null from empty text', async () => {
      const { rows } = await query("SELECT order_status, order_approved_at FROM silver.orders WHERE order_id = 'o1'");
      expect(rows).toEqual([{ order_status: '', order_approved_at: null }]);
    });

    it('names two columns of one name apart', async () => {
      expect((await query('SELECT 1 AS a, 2 AS a')).rows).toEqual([{ a: 1, 'a:1': 2 }]);
    });

    it('sees what was committed since the last query', async () => {
      const count = async (): Promise<unknown> => (await query('SELECT count(*) AS n FROM silver.orders')).rows[0]?.['n'];
      const before = Number(await count());
      await putSilver(lakehouse, 'orders', ORDERS(before + 10, before + 12));
      expect(await count()).toBe(before + 2);
    });

    it('stops at maxRows and says so', async () => {
      const numbers = 'SELECT x FROM (VALUES (0), (1), (2), (3), (4)) t(x) ORDER BY x';
      expect(await query(numbers, { maxRows: 2 })).toMatchObject({ rows: [{ x: 0 }, { x: 1 }], truncated: true });
      expect(await query(numbers, { maxRows: 5 })).toMatchObject({ truncated: false });
    });

    it('reads long results whole and in order', async () => {
      const { rows } = await query(
        'SELECT a.n * 100 + b.n AS n FROM (SELECT n FROM UNNEST(sequence(0, 24)) t(n)) a CROSS JOIN (SELECT n FROM UNNEST(sequence(0, 99)) t(n)) b ORDER BY 1',
      );
      expect(rows.map((row) => row['n'])).toEqual(Array.from({ length: 2500 }, (_, n) => n));
    });

    it('lists the tables of the lake and the columns of one', async () => {
      expect((await query('SHOW TABLES')).rows).toEqual([{ name: 'gold.kinds' }, { name: 'silver.orders' }]);
      expect((await query('DESCRIBE silver.orders')).rows[0]).toMatchObject({
        column_name: 'order_id',
        column_type: expect.stringMatching(/varchar/i),
      });
    });

    it('takes names of common tables, comments, literals and quoted names for what they are', async () => {
      const sql = `/* FROM silver.nope */ WITH orders AS (SELECT * FROM "silver"."orders" AS o)
        SELECT 'FROM silver.nope' AS text, count(*) AS n FROM orders JOIN silver.orders b ON orders.order_id = b.order_id -- silver.nope`;
      const { rows } = await query(sql);
      expect(rows[0]?.['text']).toBe('FROM silver.nope');
      expect(Number(rows[0]?.['n'])).toBeGreaterThan(2);
    });

    it.each(['silver.nope', 'orders', 'nope.orders'])('does not find %s, and says what there is', async (table) => {
      await expect(query(`SELECT * FROM ${table}`)).rejects.toMatchObject({
        code: 'KS_NOT_FOUND',
        hint: expect.stringContaining('silver.orders'),
      });
    });

    it.each([
      'CREATE TABLE x AS SELECT 1',
      'DROP SCHEMA silver CASCADE',
      'DELETE FROM silver.orders',
      'INSERT INTO silver.orders SELECT * FROM silver.orders',
      'EXPLAIN ANALYZE DELETE FROM silver.orders',
      'SELECT 1; SELECT 2',
      '',
      'SET SESSION x = 1',
    ])('refuses %s', async (sql) => {
      await expect(query(sql)).rejects.toMatchObject({ code: 'KS_SQL' });
    });

    it('says where the SQL is wrong', async () => {
      await expect(query('SELECT order_id,\n  nope FROM silver.orders')).rejects.toMatchObject({
        code: 'KS_SQL',
        message: expect.stringContaining('nope'),
        details: expect.objectContaining({ line: 2, column: 3 }),
      });
      await expect(valueOf("CAST('x' AS integer)")).rejects.toMatchObject({ code: 'KS_SQL' });
    });

    it('stops a running query on request and goes on with the next', async () => {
      const controller = new AbortController();
      const numbers = 'UNNEST(sequence(1, 9999))';
      const endless = query(
        `SELECT count(*) AS n FROM ${numbers} a(x) CROSS JOIN ${numbers} b(y) CROSS JOIN ${numbers} c(z) WHERE (x * y * z) % 7 = 3`,
        { signal: controller.signal },
      );
      setTimeout(() => controller.abort(), 300);
      await expect(endless).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
      expect(await valueOf('1')).toBe(1);
    });

    it('gives the result as an Arrow stream, types kept', async () => {
      const parts: Uint8Array[] = [];
      const sent = await engine.arrow(
        'SELECT * FROM gold.kinds ORDER BY n DESC NULLS LAST',
        async (part) => void parts.push(part),
        {
          dialect: 'athena',
        },
      );
      const table = tableFromIPC(Buffer.concat(parts));
      expect(sent).toMatchObject({ rows: 3, bytes: Buffer.concat(parts).length });
      expect(table.getChild('n')?.get(0)).toBe(9007199254740993n);
      expect(table.getChild('tags')?.get(0)?.toArray()).toEqual(['x, y', null, '']);
      expect(table.getChild('raw')?.get(0)).toEqual(Uint8Array.of(0xff, 0));
      expect(table.schema.fields.map(({ type }) => String(type))).toEqual([
        'Int64',
        'Decimal[12e+2]',
        'Timestamp<MICROSECOND>',
        'Date32<DAY>',
        'Binary',
        'Bool',
        'Float64',
        'Utf8',
        'List<Utf8>',
      ]);
      expect(table.getChild('text')?.toArray()).toEqual(['a, "b" = {c}', '', null]);
    });
  });
}

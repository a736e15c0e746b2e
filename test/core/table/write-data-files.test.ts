import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { scanSql } from '../../../src/core/table/scan-sql.js';
import { decodeBound } from '../../../src/core/table/single-value.js';
import type { DataFile, Table, TableDefinition } from '../../../src/core/table/table-api.js';
import { ORDERS, duck, freshTable, rowsSql, write } from './orders-table.js';

const EVENTS: TableDefinition = {
  name: 'bronze.events',
  fields: [
    { id: 1, name: 'id', type: 'long', required: true },
    {
      id: 10,
      name: 'headers',
      type: {
        kind: 'list',
        elementId: 11,
        element: {
          kind: 'struct',
          fields: [
            { id: 12, name: 'key', type: 'string', required: false },
            { id: 13, name: 'value', type: 'binary', required: false },
          ],
        },
      },
      required: false,
    },
    { id: 2, name: 'at', type: 'timestamp', required: false },
    { id: 3, name: 'on', type: 'date', required: false },
    { id: 4, name: 'ratio', type: 'double', required: false },
    { id: 5, name: 'text', type: 'string', required: false },
    { id: 6, name: 'payload', type: 'binary', required: false },
    { id: 7, name: 'flag', type: 'boolean', required: false },
    { id: 8, name: 'price', type: 'decimal(12,2)', required: false },
    { id: 14, name: 'tags', type: { kind: 'list', elementId: 15, element: 'string' }, required: false },
  ],
  partition: [],
  properties: { 'write.parquet.compression-codec': 'snappy' },
};

const rowsOf = async (session: Awaited<ReturnType<typeof duck>>, table: Table, files: readonly DataFile[], select: string) =>
  session.jsonRows(
    select.replace('ROWS', `(${await scanSql((await table.state()).fields, files, table.store, { filePathColumn: '_file' })})`),
  );

describe('data files', () => {
  it('are one for each partition, in folders that sort, with the rows of their partition', async () => {
    const { table } = await freshTable();
    const session = await duck();
    await session.run(
      `CREATE TABLE rows AS SELECT 'o' || range AS order_id, TIMESTAMP '2016-09-04' + to_days((hash(range) % 634)::INT) AS purchased_at,
       1.005::DOUBLE AS price, 1 AS items, repeat('x', 50) AS unused FROM range(200000)`,
    );
    const files = await write(session, table, 'SELECT * FROM rows');
    expect(files).toHaveLength(634);
    expect(new Set(files.map((file) => file.partition['purchased_at_day'])).size).toBe(634);
    expect(files.reduce((sum, file) => sum + file.recordCount, 0)).toBe(200_000);
    const one = files.find((file) => file.partition['purchased_at_day'] === 17_441);
    expect(one?.path).toMatch(/^.*\/silver\/orders\/data\/year=2017\/month=10\/day=02\/f\d+-\d+\.parquet$/);
    const wrong = await rowsOf(
      session,
      table,
      files,
      `SELECT count(*) AS n FROM ROWS WHERE regexp_extract(_file, 'year=.*day=..') <> strftime(purchased_at, 'year=%Y/month=%m/day=%d')`,
    );
    expect(wrong).toEqual([{ n: '0' }]);
    expect(await readdir(await table.store.stagingDir())).toEqual([]);
  });

  it('are still one for each partition when the rows come from many small files', async () => {
    const { table, store } = await freshTable();
    const session = await duck();
    const small: DataFile[] = [];
    for (let i = 0; i < 30; i++)
      small.push(...(await write(session, table, rowsSql(i * 40, i * 40 + 40, `2017-10-0${(i % 9) + 1}`))));
    const { fields } = await table.state();
    const files = await write(session, table, await scanSql(fields, small, store));
    expect(files).toHaveLength(9);
    expect(files.reduce((sum, file) => sum + file.recordCount, 0)).toBe(1200);
  });

  it('put rows without a partition value into a folder of their own', async () => {
    const { table } = await freshTable();
    const session = await duck();
    const files = await write(
      session,
      table,
      `SELECT 'a' AS order_id, NULL::TIMESTAMP AS purchased_at UNION ALL ${'SELECT order_id, purchased_at FROM (' + rowsSql(0, 1) + ')'}`,
    );
    expect(files.map((file) => file.partition['purchased_at_day']).toSorted()).toEqual([17_441, null]);
    await table.commit({ add: files });
    const scanned = (await table.scan()).files;
    expect(scanned.map((file) => file.partition['purchased_at_day']).toSorted()).toEqual([17_441, null]);
    expect(scanned.find((file) => file.partition['purchased_at_day'] === null)?.path).toContain(
      'purchased_at_day=__HIVE_DEFAULT_PARTITION__/',
    );
  });

  it('partition by text of any kind', async () => {
    const { table } = await freshTable({
      ...ORDERS,
      name: 'gold.by_text',
      partition: [
        { column: 'order_id', transform: 'identity' },
        { column: 'purchased_at', transform: 'month' },
      ],
    });
    const session = await duck();
    const values = ['SP', 'a/b=c%', '', 'NULL', '*?[x]', 'é\u{1F600}', '__HIVE_DEFAULT_PARTITION__', '..'];
    const list = values.map((value) => `('${value}')`).join(', ');
    const files = await write(
      session,
      table,
      `SELECT col0 AS order_id, TIMESTAMP '1969-12-31 10:00:00' AS purchased_at FROM (VALUES ${list})`,
    );
    await table.commit({ add: files });
    const scanned = (await table.scan()).files;
    expect(scanned.map((file) => file.partition['order_id']).toSorted()).toEqual(values.toSorted());
    expect(
      scanned.every((file) => file.partition['purchased_at_month'] === -1 && file.path.includes('/year=1969/month=12/')),
    ).toBe(true);
    const rows = await rowsOf(session, table, scanned, 'SELECT order_id, _file FROM ROWS');
    expect(Object.fromEntries(rows.map((row) => [row['_file'], row['order_id']]))).toEqual(
      Object.fromEntries(scanned.map((file) => [file.path, file.partition['order_id']])),
    );
  });

  it('are none for no rows', async () => {
    const session = await duck();
    for (const definition of [ORDERS, { ...ORDERS, partition: [] }]) {
      const { table } = await freshTable(definition);
      expect(await write(session, table, rowsSql(0, 0))).toEqual([]);
    }
  });

  it('have exactly the types of the table, whatever arithmetic widened', async () => {
    const { table, store } = await freshTable();
    const session = await duck();
    const files = await write(
      session,
      table,
      `SELECT 'a' AS order_id, NULL AS purchased_at, 1.50::DECIMAL(12,2) + 2.25::DECIMAL(12,2) AS price, 3::BIGINT AS items`,
    );
    const file = await store.localPath(store.keyOf(files[0]?.path ?? ''));
    const schema = await session.jsonRows<{ name: string; type: string; field_id: string }>(
      `SELECT name, type || coalesce(' ' || logical_type, '') AS type, field_id FROM parquet_schema('${file}') WHERE field_id IS NOT NULL`,
    );
    expect(schema.map(({ name, type, field_id: id }) => [id, name, type])).toEqual([
      ['1', 'order_id', expect.stringContaining('BYTE_ARRAY')],
      ['2', 'purchased_at', expect.stringMatching(/INT64.*isAdjustedToUTC=0.*MICROS=Micro/)],
      ['3', 'price', expect.stringContaining('precision=12')],
      ['4', 'items', 'INT32'],
    ]);
  });

  it('carry nested columns, with their field ids, there and back', async () => {
    const { table, store } = await freshTable(EVENTS);
    const session = await duck();
    const files = await write(
      session,
      table,
      `SELECT 7 AS id, [{'key': 'a', 'value': 'x'::BLOB}, {'key': 'b', 'value': NULL}] AS headers, ['p', NULL] AS tags, '\\xFF\\x00'::BLOB AS payload
       UNION ALL SELECT 8, NULL, [], NULL UNION ALL SELECT 9, [], NULL, ''::BLOB`,
    );
    expect(files).toHaveLength(1);
    await table.commit({ add: files });
    const local = await store.localPath(store.keyOf(files[0]?.path ?? ''));
    const ids = await session.jsonRows<{ name: string; field_id: string }>(
      `SELECT name, field_id FROM parquet_schema('${local}') WHERE field_id IS NOT NULL`,
    );
    expect(ids.map(({ field_id: id }) => Number(id)).toSorted((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15,
    ]);
    const rows = await rowsOf(
      session,
      table,
      (await table.scan()).files,
      'SELECT id, headers, tags, hex(payload) AS payload FROM ROWS ORDER BY id',
    );
    expect(rows).toEqual([
      {
        id: '7',
        headers: [
          { key: 'a', value: 'x' },
          { key: 'b', value: null },
        ],
        tags: ['p', null],
        payload: 'FF00',
      },
      { id: '8', headers: null, tags: [], payload: null },
      { id: '9', headers: [], tags: null, payload: '' },
    ]);
  });

  it('refuse a null in a required column, and leave nothing behind', async () => {
    const { table, store } = await freshTable();
    const session = await duck();
    await expect(write(session, table, 'SELECT NULL AS order_id')).rejects.toMatchObject({
      code: 'KS_CHECK_FAILED',
      message: expect.stringContaining('order_id'),
    });
    for await (const { key } of store.list('silver/orders/data')) expect.unreachable(key);
  });

  it('have bounds that hold for every row', async () => {
    const { table } = await freshTable(EVENTS);
    const session = await duck();
    await session.run(`CREATE TABLE r AS SELECT range AS id, TIMESTAMP '1969-12-30 23:59:59.5' + to_microseconds((hash(range) % 999999999999)::BIGINT) AS at, DATE '1960-01-01' + (hash(range) % 40000)::INT AS on,
      (hash(range, 1) % 1000)::DOUBLE / 7 - 50 AS ratio, (CASE WHEN range % 3 = 0 THEN 'é' ELSE 'zz' END) || repeat(md5(range::VARCHAR), 2) AS text, range % 2 = 0 AS flag,
      ((hash(range, 2) % 100000)::INT - 50000)::DECIMAL(12,2) / 100 AS price FROM range(5000)`);
    const files = await write(session, table, 'SELECT * FROM r');
    await table.commit({ add: files });
    const [file] = (await table.scan()).files;
    const [truth] = await session.jsonRows<Record<string, string>>(
      `SELECT min(id)::VARCHAR AS id0, max(id)::VARCHAR AS id1, epoch_us(min("at"))::VARCHAR AS at0, epoch_us(max("at"))::VARCHAR AS at1,
       (min("on") - DATE '1970-01-01')::VARCHAR AS on0, (max("on") - DATE '1970-01-01')::VARCHAR AS on1, min(ratio)::VARCHAR AS ratio0,
       (min(price) * 100)::BIGINT::VARCHAR AS price0, (max(price) * 100)::BIGINT::VARCHAR AS price1, min(text) AS text0, max(text) AS text1 FROM r`,
    );
    const bound = (id: number, side: 'lowerBounds' | 'upperBounds'): string => {
      const field = EVENTS.fields.find((each) => each.id === id);
      return String(decodeBound(field?.type as 'long', file?.metrics[side]?.get(id) ?? new Uint8Array()));
    };
    for (const [name, id] of Object.entries({ id: 1, at: 2, on: 3, price: 8 })) {
      expect([name, bound(id, 'lowerBounds'), bound(id, 'upperBounds')]).toEqual([
        name,
        truth?.[`${name}0`],
        truth?.[`${name}1`],
      ]);
    }
    expect(Number(bound(4, 'lowerBounds'))).toBeCloseTo(Number(truth?.['ratio0']), 12);
    const [low, high] = [bound(5, 'lowerBounds'), bound(5, 'upperBounds')];
    expect(Buffer.compare(Buffer.from(low), Buffer.from(truth?.['text0'] ?? ''))).toBeLessThanOrEqual(0);
    expect(Buffer.compare(Buffer.from(high), Buffer.from(truth?.['text1'] ?? ''))).toBeGreaterThanOrEqual(0);
    expect(file?.metrics.nullCounts?.get(6)).toBe(5000);
    expect(file?.metrics.lowerBounds?.has(6)).toBe(false);
  });
});

describe('a scan', () => {
  it('opens only files that may hold rows within the bounds', async () => {
    const { table } = await freshTable();
    const session = await duck();
    for (const [from, day] of [
      [0, '2017-10-01'],
      [100, '2017-10-02'],
      [200, '2018-01-01'],
    ] as const) {
      await table.commit({ add: await write(session, table, rowsSql(from, from + 50, day)) });
    }
    const found = async (
      ...bounds: { column: string; min?: number | bigint | string; max?: number | bigint | string }[]
    ): Promise<number[]> =>
      (await table.scan({ bounds })).files.map((file) => Number(file.partition['purchased_at_day'])).toSorted((a, b) => a - b);
    expect(await found()).toEqual([17_440, 17_441, 17_532]);
    expect(await found({ column: 'items', min: 100, max: 149 })).toEqual([17_441]);
    expect(await found({ column: 'items', min: 150, max: 199 })).toEqual([]);
    expect(await found({ column: 'items', min: 149n })).toEqual([17_441, 17_532]);
    expect(await found({ column: 'order_id', max: 'o00000099' })).toEqual([17_440]);
    expect(await found({ column: 'price', min: '2.10' })).toEqual([17_532]);
    expect(await found({ column: 'purchased_at', min: '2017-10-02', max: '2017-10-02 23:59:59' })).toEqual([17_441]);
    expect(await found({ column: 'purchased_at', max: 1_506_816_000_000_000n + 36_000_000_000n })).toEqual([17_440]);
    expect(await found({ column: 'items' }, { column: 'price', min: 0, max: 100 })).toEqual([17_440, 17_441, 17_532]);
    await expect(found({ column: 'nope', min: 1 })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await expect(found({ column: 'items', min: 'x' })).rejects.toMatchObject({ code: 'KS_USAGE' });
  });

  it('reads an empty table as no rows of the right types', async () => {
    const { table } = await freshTable(EVENTS);
    const session = await duck();
    expect(await rowsOf(session, table, [], 'SELECT * FROM ROWS')).toEqual([]);
    const types = await session.jsonRows<{ column_type: string }>(`DESCRIBE ${await scanSql(EVENTS.fields, [], table.store)}`);
    expect(types.map((row) => row.column_type)).toContain('STRUCT("key" VARCHAR, "value" BLOB)[]');
  });

  it('reads files below a folder whose name looks like a pattern', async () => {
    const { table } = await freshTable({ ...ORDERS, name: 'gold.glob', partition: [] });
    const session = await duck();
    const files = await write(session, table, rowsSql(0, 3));
    const { dir } = await freshTable();
    const { openFolderStore } = await import('../../../src/core/store/folder-store.js');
    const store = await openFolderStore(path.join(dir, 'lake [a]*?'));
    const { copyFile } = await import('node:fs/promises');
    const staged = path.join(await store.stagingDir(), 'x');
    await copyFile(files[0]?.path ?? '', staged);
    await store.putFile('x.parquet', staged);
    const moved = [{ ...(files[0] as DataFile), path: store.uri('x.parquet') }];
    const sql = await scanSql((await table.state()).fields, moved, store, { filePathColumn: 'file' });
    expect(await session.jsonRows(`SELECT DISTINCT file FROM (${sql})`)).toEqual([{ file: store.uri('x.parquet') }]);
  });
});

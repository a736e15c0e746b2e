import { tableFromIPC, type Table } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { testLake } from '../../../support/test-lake.js';

async function arrowOf(
  sql: string,
  options: { readonly maxRows?: number } = {},
): Promise<{ table: Table; parts: number; rows: number }> {
  const { lake } = await testLake();
  const parts: Uint8Array[] = [];
  const sent = await (await lake.engine()).arrow(sql, async (part) => void parts.push(part), options);
  const bytes = Buffer.concat(parts);
  expect(sent.bytes).toBe(bytes.length);
  return { table: tableFromIPC(bytes), parts: parts.length, rows: sent.rows };
}

const typesOf = (table: Table): Readonly<Record<string, string>> =>
  Object.fromEntries(table.schema.fields.map((field) => [field.name, String(field.type)]));

describe('a query as an Arrow stream', () => {
  it('keeps whole numbers of every size', async () => {
    const { table } = await arrowOf(
      `SELECT * FROM (VALUES ((-128)::TINYINT, 255::UTINYINT, (-32768)::SMALLINT, 65535::USMALLINT, -2147483647::INTEGER, 4294967295::UINTEGER,
         (-9223372036854775808)::BIGINT, 18446744073709551615::UBIGINT, -99999999999999999999999999999999999999::HUGEINT, TRUE),
         (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) t(a, b, c, d, e, f, g, h, i, j)`,
    );
    expect(typesOf(table)).toEqual({
      a: 'Int8',
      b: 'Uint8',
      c: 'Int16',
      d: 'Uint16',
      e: 'Int32',
      f: 'Uint32',
      g: 'Int64',
      h: 'Uint64',
      i: 'Decimal[38e0]',
      j: 'Bool',
    });
    const [first, second] = table.toArray().map((row: { toJSON(): Record<string, unknown> }) => row.toJSON());
    const { i, ...rest } = first ?? {};
    expect(rest).toEqual({
      a: -128,
      b: 255,
      c: -32768,
      d: 65535,
      e: -2147483647,
      f: 4294967295,
      g: -9223372036854775808n,
      h: 18446744073709551615n,
      j: true,
    });
    expect(unscaled(i)).toBe(-99999999999999999999999999999999999999n);
    expect(Object.values(second ?? {})).toEqual(Array(10).fill(null));
  });

  it('keeps every digit of decimals, and the microseconds of timestamps', async () => {
    const { table } = await arrowOf(
      `SELECT 12.50::DECIMAL(4,2) a, -1234567.89::DECIMAL(9,2) b, -1234567890123456.78::DECIMAL(18,2) c, 123456789012345678901234567890.12345678::DECIMAL(38,8) d,
         TIMESTAMP '1969-12-31 23:59:59.999999' ts, TIMESTAMP_S '2020-01-01' s, TIMESTAMP_MS '2020-01-01' ms, TIMESTAMP_NS '2020-01-01 00:00:00.123456789' ns,
         TIMESTAMPTZ '2020-01-01 00:00:00.5+02' tz, DATE '1969-12-31' AS d1, TIME '23:59:59.999999' AS clock, 1.5::FLOAT f, 'nan'::DOUBLE n`,
    );
    expect(typesOf(table)).toMatchObject({
      a: 'Decimal[4e+2]',
      d: 'Decimal[38e+8]',
      ts: 'Timestamp<MICROSECOND>',
      s: 'Timestamp<SECOND>',
      ns: 'Timestamp<NANOSECOND>',
      tz: 'Timestamp<MICROSECOND, UTC>',
      d1: 'Date32<DAY>',
      clock: 'Time64<MICROSECOND>',
      f: 'Float32',
      n: 'Float64',
    });
    const column = (name: string): unknown => table.getChild(name)?.get(0);
    expect(['a', 'b', 'c', 'd'].map((name) => unscaled(column(name)))).toEqual([
      1250n,
      -123456789n,
      -123456789012345678n,
      12345678901234567890123456789012345678n,
    ]);
    const raw = (name: string): bigint | number | undefined =>
      (table.getChild(name)?.data[0]?.values as BigInt64Array | Int32Array | undefined)?.[0];
    expect(['ts', 's', 'ms', 'ns', 'tz', 'd1', 'clock'].map(raw)).toEqual([
      -1n,
      1577836800n,
      1577836800000n,
      1577836800123456789n,
      1577829600500000n,
      -1,
      86399999999n,
    ]);
    expect(column('f')).toBe(1.5);
    expect(column('n')).toBeNaN();
  });

  it('keeps text, bytes, lists, arrays, structs and maps, with their nulls', async () => {
    const { table } = await arrowOf(
      `SELECT * FROM (VALUES ('São', '\\xFF\\x00'::BLOB, ['a', NULL], [[1], [], NULL]::INT[][], {'k': 'x', 'v': '\\x01'::BLOB}, MAP {'m': 1}, [1, NULL]::INT[2]),
         (NULL, NULL, NULL, NULL, NULL, NULL, NULL), ('', ''::BLOB, [], [], {'k': NULL, 'v': NULL}, MAP {}, [3, 4]::INT[2])) t(t, b, l, n, s, m, a)`,
    );
    expect(String(table.schema.fields.find(({ name }) => name === 's')?.type)).toContain('Binary');
    const [first, second, third] = table.toArray().map((row: { toJSON(): Record<string, unknown> }) => row.toJSON());
    const plain = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value, (_, one: unknown) => (one instanceof Uint8Array ? [...one] : one)));
    expect(first?.['b']).toEqual(Uint8Array.of(0xff, 0));
    expect({ ...first, b: null }).toMatchObject({ t: 'São' });
    expect(plain([first?.['l'], first?.['n'], first?.['s'], first?.['m'], first?.['a']])).toEqual([
      ['a', null],
      [[1], [], null],
      { k: 'x', v: [1] },
      { m: 1 },
      [1, null],
    ]);
    expect(Object.values(second ?? {})).toEqual(Array(7).fill(null));
    expect(plain([third?.['t'], third?.['l'], third?.['s'], third?.['a']])).toEqual(['', [], { k: null, v: null }, [3, 4]]);
  });

  it('gives text for what Arrow or its readers lack, and names doubled columns apart', async () => {
    const { table } = await arrowOf(
      `SELECT '018f3c1e-7b7a-7000-8000-000000000001'::UUID u, INTERVAL 3 DAY i, 'a'::ENUM('a', 'b') e, '{"a":1}'::JSON j, '101'::BIT b, 1 AS x, 2 AS x`,
    );
    const row = (table.get(0) as unknown as { toJSON(): Record<string, unknown> }).toJSON();
    expect(row).toMatchObject({ u: '018f3c1e-7b7a-7000-8000-000000000001', i: '3 days', e: 'a', j: '{"a":1}', b: '101', x: 1 });
    expect(Object.values(row).at(-1)).toBe(2);
    expect(Object.keys(row)).toHaveLength(7);
  });

  it('comes in batches, whole or cut, and empty with its columns', async () => {
    const long = await arrowOf("SELECT i, repeat('x', 100) AS t FROM range(10000) r(i) ORDER BY i");
    expect(long.rows).toBe(10_000);
    expect(long.table.numRows).toBe(10_000);
    expect(long.table.batches.length).toBeGreaterThan(4);
    expect(long.table.getChild('i')?.get(9_999)).toBe(9_999n);
    const cut = await arrowOf('SELECT i FROM range(10000) r(i)', { maxRows: 2_500 });
    expect([cut.rows, cut.table.numRows]).toEqual([2_500, 2_500]);
    const none = await arrowOf('SELECT 1::BIGINT AS i WHERE false');
    expect([none.rows, none.table.numRows, typesOf(none.table)]).toEqual([0, 0, { i: 'Int64' }]);
  });

  it('waits for its reader, ends with it, and leaves the engine free for the next query', async () => {
    const { lake } = await testLake();
    const engine = await lake.engine();
    let parts = 0;
    let inWrite = 0;
    await expect(
      engine.arrow('FROM range(1000000)', async () => {
        inWrite += 1;
        expect(inWrite).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 1));
        inWrite -= 1;
        parts += 1;
        if (parts === 3) throw new Error('the reader went away');
      }),
    ).rejects.toThrow();
    expect(parts).toBe(3);
    expect((await engine.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await expect(
      engine.arrow('SELECT 2::HUGEINT ** 0, 170141183460469231731687303715884105727::HUGEINT', async () => undefined),
    ).rejects.toMatchObject({
      code: 'KS_SQL',
    });
    const stop = new AbortController();
    const stopped = engine.arrow('FROM range(100000000)', async () => stop.abort(), { signal: stop.signal });
    await expect(stopped).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
    await expect(engine.arrow('SELEC 1', async () => undefined)).rejects.toMatchObject({ code: 'KS_SQL' });
  });
});

/** Of an unfinished stream readers find a message that is announced and not there. */
const ENDS_BROKEN = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 4, 0, 0]);

it('ends in what readers refuse when it fails or is stopped half-way', async () => {
  const { lake } = await testLake();
  const engine = await lake.engine();
  const failing = "SELECT CASE WHEN i = 250000 THEN error('no more') ELSE i END AS n FROM range(300000) t(i)";
  const sent: Uint8Array[] = [];
  const failure = { code: 'KS_SQL', message: expect.stringContaining('no more') as string };
  await expect(engine.arrow(failing, async (part) => void sent.push(part))).rejects.toMatchObject(failure);
  // Nor does a query that fails in its rows give those before as its result.
  await expect(engine.query(`${failing}; -- late`)).rejects.toMatchObject(failure);
  expect((await engine.query(failing, { maxRows: 10 })).truncated).toBe(true);
  expect(sent.length).toBeGreaterThan(2);
  expect(Buffer.from(sent.at(-1) ?? [])).toEqual(ENDS_BROKEN);

  const stop = new AbortController();
  const got: Uint8Array[] = [];
  const write = async (part: Uint8Array): Promise<void> => {
    got.push(part);
    if (got.length === 3) stop.abort();
    stop.signal.throwIfAborted(); // as a wait for a sleeping reader ends
  };
  await expect(engine.arrow('FROM range(1000000)', write, { signal: stop.signal })).rejects.toMatchObject({
    code: 'KS_INTERRUPTED',
  });
  expect(got).toHaveLength(4);
  expect(Buffer.from(got.at(-1) ?? [])).toEqual(ENDS_BROKEN);
});

/** 128 bits, the lower words first. */
function unscaled(value: unknown): bigint {
  const words = new Uint32Array(value as Uint32Array);
  return BigInt.asIntN(
    128,
    words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n),
  );
}

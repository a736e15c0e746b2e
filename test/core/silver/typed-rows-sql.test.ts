/** What a payload's text becomes under a contract: typed value or reason, for texts that DuckDB's own casts would let through. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ColumnType, Contract } from '../../../src/core/contract/contract.js';
import { type DuckSession, openDuckSession } from '../../../src/core/engine/duckdb/duck-session.js';
import { typedRowsSql } from '../../../src/core/silver/typed-rows-sql.js';

let session: DuckSession;
beforeAll(async () => {
  session = await openDuckSession({ memoryLimitBytes: 200_000_000, tempDir: '/tmp' });
});
afterAll(() => session.close());

const contractOf = (type: ColumnType, more: Partial<Contract> = {}): Contract => ({
  dataset: 'things',
  version: '1.0.0',
  description: '',
  owner: null,
  columns: [
    { name: 'id', type: { kind: 'string' }, required: true, trim: false, description: '' },
    { name: 'v', type, required: false, trim: false, description: '' },
  ],
  key: ['id'],
  versionColumn: null,
  partition: null,
  checks: [],
  hash: '',
  path: 'things.odcs.yaml',
  ...more,
});

async function typed(
  contract: Contract,
  payload: string,
): Promise<{ v: unknown; reasons: readonly string[]; extra: readonly string[] }> {
  await session.run(
    `CREATE OR REPLACE TEMP TABLE source AS SELECT 't' AS _topic, 0 AS _partition, 0::BIGINT AS _offset, 'e' AS _event_id, TIMESTAMP '2018-01-01' AS _log_time, $1::VARCHAR AS _text`,
    [payload],
  );
  const [row] = await session.jsonRows<{ v: unknown; _reasons: string[] | null; _extra: string[] | null }>(
    typedRowsSql(contract, 'source'),
  );
  return { v: row?.v, reasons: row?._reasons ?? [], extra: row?._extra ?? [] };
}

const value = (type: ColumnType, json: string): Promise<{ v: unknown; reasons: readonly string[] }> =>
  typed(contractOf(type), `{"id":"x","v":${json}}`);
const DECIMAL: ColumnType = { kind: 'decimal', precision: 12, scale: 2 };

describe.each<[ColumnType, string, unknown]>([
  [{ kind: 'string' }, '"01037"', '01037'],
  [{ kind: 'string' }, '"14409"', '14409'],
  [{ kind: 'string' }, '"true"', 'true'],
  [{ kind: 'string' }, '"{}"', '{}'],
  [{ kind: 'string' }, '"  a b "', '  a b '],
  [{ kind: 'string' }, '""', null],
  [{ kind: 'string' }, 'null', null],
  [{ kind: 'integer' }, '5', 5],
  [{ kind: 'integer' }, '"5"', 5],
  [{ kind: 'integer' }, '3.0', 3],
  [{ kind: 'integer' }, '"-7"', -7],
  [{ kind: 'integer' }, '1e2', 100],
  [{ kind: 'integer' }, '""', null],
  [{ kind: 'long' }, '9007199254740993', '9007199254740993'],
  [DECIMAL, '58.9', '58.90'],
  [DECIMAL, '"58.90"', '58.90'],
  [DECIMAL, '"12.3400"', '12.34'],
  [DECIMAL, '1.5e1', '15.00'],
  [DECIMAL, '"9999999999.99"', '9999999999.99'],
  [{ kind: 'double' }, '"-23.54562128115268"', -23.54562128115268],
  [{ kind: 'boolean' }, 'true', true],
  [{ kind: 'boolean' }, '"false"', false],
  [{ kind: 'date' }, '"2017-10-02"', '2017-10-02'],
  [{ kind: 'timestamp' }, '"2017-10-02 10:56:33"', '2017-10-02 10:56:33'],
  [{ kind: 'timestamp' }, '"2017-10-02T10:56:33.123456000"', '2017-10-02 10:56:33.123456'],
  [{ kind: 'timestamp' }, '"2017-10-02T10:56:33Z"', '2017-10-02 10:56:33'],
  [{ kind: 'timestamp' }, '"2017-10-02T10:56:33-03:00"', '2017-10-02 13:56:33'],
])('%o takes %s', (type, json, expected) => {
  test('as a value', async () => {
    expect(await value(type, json)).toMatchObject({ v: expected, reasons: [] });
  });
});

describe.each<[ColumnType, string]>([
  [{ kind: 'string' }, '14409'],
  [{ kind: 'string' }, 'true'],
  [{ kind: 'string' }, '{"a":1}'],
  [{ kind: 'string' }, '["a"]'],
  [{ kind: 'integer' }, '"3.7"'],
  [{ kind: 'integer' }, '3.7'],
  [{ kind: 'integer' }, '" 5"'],
  [{ kind: 'integer' }, '"abc"'],
  [{ kind: 'integer' }, 'true'],
  [{ kind: 'integer' }, '3000000000'],
  [{ kind: 'integer' }, '[1]'],
  [DECIMAL, '"12.345"'],
  [DECIMAL, '12.345'],
  [DECIMAL, '"10000000000.00"'],
  [DECIMAL, '"1e-30"'],
  [DECIMAL, '"1,5"'],
  [DECIMAL, '"NaN"'],
  [{ kind: 'double' }, '"nan"'],
  [{ kind: 'double' }, '"inf"'],
  [{ kind: 'double' }, '1e999'],
  [{ kind: 'boolean' }, '"t"'],
  [{ kind: 'boolean' }, '1'],
  [{ kind: 'date' }, '"2017-02-30"'],
  [{ kind: 'timestamp' }, '"2017-02-30 00:00:00"'],
  [{ kind: 'timestamp' }, '"2017-10-02 24:00:00"'],
  [{ kind: 'timestamp' }, '"2017-10-02 10:56:33.1234567"'],
  [{ kind: 'timestamp' }, '"epoch"'],
  [{ kind: 'timestamp' }, '1506941793'],
  [{ kind: 'timestamp' }, '"02/10/2017"'],
])('%o refuses %s', (type, json) => {
  test('as bad_type, and only that', async () => {
    expect((await value(type, json)).reasons).toEqual(['bad_type:v']);
  });
});

test('a required column that is absent, null or empty is missing', async () => {
  for (const payload of ['{"v":"a"}', '{"id":null}', '{"id":""}']) {
    expect((await typed(contractOf({ kind: 'string' }), payload)).reasons).toEqual(['missing:id']);
  }
});

test('a repeated key is a reason of its own, however it is spelled', async () => {
  expect((await typed(contractOf({ kind: 'string' }), '{"id":"x","v":"1","\\u0076":"2"}')).reasons).toEqual([
    'duplicate_json_key',
  ]);
});

test('unknown fields are named and reject nothing', async () => {
  expect(await typed(contractOf({ kind: 'string' }), '{"id":"x","new":1,"V":2}')).toEqual({
    v: null,
    reasons: [],
    extra: ['new', 'V'],
  });
});

test('trim strips blanks before the cast only where the contract asks for it', async () => {
  const base = contractOf({ kind: 'integer' });
  const trimming = { ...base, columns: base.columns.map((column) => ({ ...column, trim: true })) };
  expect(await typed(trimming, '{"id":" x ","v":" 5 "}')).toMatchObject({ v: 5, reasons: [] });
});

test('an error-level row rule names itself; null passes', async () => {
  const contract = contractOf(DECIMAL, {
    checks: [{ kind: 'row', name: 'v_positive', level: 'error', description: '', expression: 'v > 0', columns: ['v'] }],
  });
  expect((await typed(contract, '{"id":"x","v":"0"}')).reasons).toEqual(['rule:v_positive']);
  expect((await typed(contract, '{"id":"x","v":"0.01"}')).reasons).toEqual([]);
  expect((await typed(contract, '{"id":"x"}')).reasons).toEqual([]);
});

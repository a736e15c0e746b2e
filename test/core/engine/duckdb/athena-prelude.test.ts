import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadAthenaPrelude, useDialect } from '../../../../src/core/engine/duckdb/athena-prelude.js';
import { type DuckSession, openDuckSession } from '../../../../src/core/engine/duckdb/duck-session.js';
import { jsonValueOf } from '../../../../src/core/engine/duckdb/json-value.js';
import type { DuckDBValue } from '@duckdb/node-api';
import os from 'node:os';

/** Expression → what Trino 4xx answers, by its documentation (https://trino.io/docs/current/functions.html). */
const TRINO: readonly (readonly [string, unknown])[] = [
  ['7 / 2', 3],
  ['-7 / 2', -3],
  ['7E0 / 2', 3.5],
  ['-7 % 3', -1],
  ['mod(7, 3)', 1],
  ["concat('a', 'b')", 'ab'],
  ["concat('a', 'b', 'c')", 'abc'],
  ["concat('a', CAST(NULL AS VARCHAR))", null],
  ['greatest(1, 3, 2)', 3],
  ['greatest(1, NULL)', null],
  ['least(1, NULL, 0)', null],
  ['least(2, 1)', 1],
  ["date_diff('day', TIMESTAMP '2020-03-01 23:00:00', TIMESTAMP '2020-03-02 01:00:00')", 0],
  ["date_diff('day', DATE '2020-03-01', DATE '2020-03-02')", 1],
  ["date_diff('second', TIMESTAMP '2020-03-01 00:00:00', TIMESTAMP '2020-03-02 00:00:00')", 86400],
  ["date_diff('hour', TIMESTAMP '2020-03-01 00:59:00', TIMESTAMP '2020-03-01 01:01:00')", 0],
  ["date_diff('month', DATE '2020-01-15', DATE '2020-02-14')", 0],
  ["date_diff('month', DATE '2020-01-15', DATE '2020-02-15')", 1],
  ["date_diff('day', TIMESTAMP '2020-03-02 01:00:00', TIMESTAMP '2020-03-01 23:00:00')", 0],
  ["date(TIMESTAMP '2020-03-01 23:00:00')", '2020-03-01'],
  ["day_of_week(DATE '2001-08-22')", 3],
  ["dow(DATE '2001-08-26')", 7],
  ["EXTRACT(YEAR FROM DATE '2001-08-26')", 2001],
  ["day_of_month(DATE '2001-08-22')", 22],
  ["day_of_year(DATE '2001-02-01')", 32],
  ["year_of_week(DATE '2017-01-01')", 2016],
  ["week_of_year(DATE '2017-01-01')", 52],
  ["to_unixtime(TIMESTAMP '1970-01-02 00:00:00')", 86400],
  ["date_format(TIMESTAMP '2022-10-20 05:10:00', '%m-%d-%Y %H')", '10-20-2022 05'],
  ["date_format(TIMESTAMP '2022-10-20 05:10:07', '%Y-%m-%d %H:%i:%s')", '2022-10-20 05:10:07'],
  ["date_format(TIMESTAMP '2022-10-20 05:10:07', '%M %W %e')", 'October Thursday 20'],
  ['sequence(1, 3)', [1, 2, 3]],
  ["cardinality(sequence(DATE '2020-02-28', DATE '2020-03-01', INTERVAL '1' DAY))", 3],
  ["substr('hello', 2, 3)", 'ell'],
  ["substr('hello', 0)", ''],
  ["substr('hello', -3)", 'llo'],
  ["substr('hello', -9)", ''],
  ["split_part('a:b', ':', 2)", 'b'],
  ["split_part('a:b', ':', 3)", null],
  ["regexp_like('1a 2b 14m', '\\d+b')", true],
  ["regexp_extract('1a 2b 14m', '\\d+')", '1'],
  ["regexp_extract('1a 2b 14m', '(\\d+)([a-z]+)', 2)", 'a'],
  ["regexp_extract('1a', 'x')", null],
  ["regexp_replace('1a 2b 14m', '\\d+[ab] ')", '14m'],
  ["regexp_replace('1a 2b 14m', '(\\d+)([ab]) ', '3c$2 ')", '3ca 3cb 14m'],
  ['json_extract_scalar(\'{"a": {"b": 1}}\', \'$.a.b\')', '1'],
  ['json_extract_scalar(\'{"a": {"b": 1}}\', \'$.a\')', null],
  ['(SELECT max_by(x, y) FROM (VALUES (1, 1), (NULL, 2)) t(x, y))', null],
  ['(SELECT min_by(x, y) FROM (VALUES (1, 1), (NULL, 2)) t(x, y))', 1],
  ['(SELECT typeof(count_if(x > 1)) FROM (VALUES (1), (2)) t(x))', 'BIGINT'],
  ['(SELECT count_if(x > 1) FROM (VALUES (1), (2), (NULL)) t(x))', 1],
  ['(SELECT arbitrary(x) FROM (VALUES (1)) t(x))', 1],
  ['(SELECT approx_distinct(x) FROM (VALUES (1), (1)) t(x))', 1],
  ['element_at(ARRAY[1, 2], 2)', 2],
  ['element_at(ARRAY[1, 2], 3)', null],
  ['contains(ARRAY[1, 2], 2)', true],
  ["array_join(ARRAY['a', 'b'], '-')", 'a-b'],
];

describe("the models' dialect on DuckDB", () => {
  let session: DuckSession;
  const valueOf = async (expression: string): Promise<unknown> => {
    const [row] = await session.rows<{ v: DuckDBValue }>(`SELECT ${expression} AS v`);
    return jsonValueOf(row?.v ?? null);
  };
  beforeAll(async () => {
    session = await openDuckSession({ memoryLimitBytes: 100e6, threads: 1, tempDir: os.tmpdir() });
    await loadAthenaPrelude(session);
    await useDialect(session, 'athena');
  });
  afterAll(() => session.close());

  it.each(TRINO)('%s', async (expression, expected) => {
    expect(await valueOf(expression)).toEqual(expected);
  });
  it.each(['1 / 0', '1 % 0', 'mod(1, 0)'])('%s fails as Trino does', async (expression) => {
    await expect(valueOf(expression)).rejects.toThrow('Division by zero');
  });
  it("leaves DuckDB's own functions to DuckDB's dialect", async () => {
    await useDialect(session, 'engine');
    expect(await valueOf('7 / 2')).toBe(3.5);
    expect(await valueOf("concat('a', NULL)")).toBe('a');
    expect(await valueOf("date_diff('day', TIMESTAMP '2020-03-01 23:00:00', TIMESTAMP '2020-03-02 01:00:00')")).toBe(1);
    await useDialect(session, 'athena');
  });
});

import { describe, expect, it } from 'vitest';
import { jsonReading } from '../../../../src/core/engine/athena/nested-result.js';

const plan = (names: string, types: readonly string[]): string =>
  JSON.stringify({
    '0': {
      id: '1',
      name: 'Output',
      descriptor: { columnNames: `[${names}]` },
      outputs: types.map((type) => ({ symbol: 's', type })),
    },
  });

describe('a result with lists, rows or maps', () => {
  it('is asked as JSON, its order outside the brackets', () => {
    const reading = jsonReading(
      'SELECT a, tags FROM t ORDER BY a DESC, 2 LIMIT 3;',
      plan('a, tags', ['bigint', 'array(varchar)']),
    );
    expect(reading?.sql.replace(/\s+/g, ' ')).toBe(
      'SELECT t.c0 AS "a", json_format(CAST(t.c1 AS JSON)) AS "tags" FROM ( SELECT a, tags FROM t ) t (c0, c1) ORDER BY t.c0 desc , t.c1 LIMIT 3',
    );
    expect(reading?.valueOf('["x, y",null]', 1)).toEqual(['x, y', null]);
    expect(reading?.valueOf('7', 0)).toBeUndefined();
  });

  it.each([
    ['nothing is nested', 'SELECT a FROM t', plan('a', ['bigint'])],
    ['two columns have one name', 'SELECT a, a FROM t', plan('a, a', ['bigint', 'array(bigint)'])],
    ['it is sorted by what is no column', 'SELECT a FROM t ORDER BY length(b)', plan('a', ['array(bigint)'])],
    ['bytes are in it', 'SELECT a FROM t', plan('a', ['array(varbinary)'])],
    ['the plan says nothing', 'SELECT a FROM t', 'Fragment 0'],
  ])('is read as it comes when %s', (_, sql, told) => {
    expect(jsonReading(sql, told)).toBeNull();
  });
});

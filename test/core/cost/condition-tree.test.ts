import { describe, expect, it } from 'vitest';
import { conditionTree } from '../../../src/core/cost/condition-tree.js';
import { statementTokens } from '../../../src/core/engine/statement/statement-tokens.js';

const demand = (column: string, ends: object = {}, qualifier: string | null = null): object => ({
  kind: 'demand',
  demand: { qualifier, column, ...ends },
});
const UNKNOWN = { kind: 'unknown' };

describe('what a condition demands', () => {
  it.each([
    ["ts >= TIMESTAMP '2018-01-01 00:00:00'", demand('ts', { min: '2018-01-01 00:00:00' })],
    ["DATE '2018-01-01' > o.ts", demand('ts', { max: '2018-01-01' }, 'o')],
    ["ts BETWEEN '2018-01-01' AND '2018-02-01'", demand('ts', { min: '2018-01-01', max: '2018-02-01' })],
    ['n IN (3, 1, -2)', demand('n', { min: -2, max: 3 })],
    ['"n" = 7', demand('n', { min: 7, max: 7 })],
    ["CAST(ts AS date) = DATE '2018-01-01'", demand('ts', { min: '2018-01-01 00:00:00', max: '2018-01-01 23:59:59.999999' })],
    ["date(o.ts) >= DATE '2018-01-01'", demand('ts', { min: '2018-01-01 00:00:00' }, 'o')],
    ["ts > current_date - INTERVAL '7' day", demand('ts')],
    ["date_format(ts, '%Y') = '2018'", UNKNOWN],
    ['year(ts) = 2018', UNKNOWN],
    ['ts = other', UNKNOWN],
    ['ts = (SELECT max(ts) FROM t)', UNKNOWN],
    ['(SELECT true FROM t WHERE a = 1 AND ts = 2 AND b = 3)', UNKNOWN],
    ['n < random() * 5', UNKNOWN],
    ["NOT ts = DATE '2018-01-01'", UNKNOWN],
    ["ts NOT IN ('a')", UNKNOWN],
    ["name LIKE 'a%'", UNKNOWN],
    ['ts IS NULL', UNKNOWN],
    ['n <> 3', UNKNOWN],
    ['CASE WHEN a AND b THEN 1 END = 1', UNKNOWN],
    [
      'n = 1 AND (m = 2 OR m = 3)',
      {
        kind: 'and',
        parts: [
          demand('n', { min: 1, max: 1 }),
          { kind: 'or', parts: [demand('m', { min: 2, max: 2 }), demand('m', { min: 3, max: 3 })] },
        ],
      },
    ],
  ])('%s', (sql, expected) => {
    expect(conditionTree(statementTokens(sql))).toEqual(expected);
  });
});

import { describe, expect, it } from 'vitest';
import { lintModelSql } from '../../../src/core/gold/lint-model.js';

const problems = (sql: string): readonly string[] => lintModelSql(sql).map(({ line, message }) => `${line}: ${message}`);

describe('the lint of models', () => {
  it.each([
    'SELECT CAST(sum(price) AS DECIMAL(18, 2)) AS revenue FROM t GROUP BY 1 ORDER BY 1',
    'SELECT CAST(coalesce(sum(price), 0) AS DECIMAL(18, 2)) FROM t',
    'WITH a AS (SELECT 1 AS x) SELECT x FROM a WHERE x IN (1, 2) AND EXISTS (SELECT 1)',
    'SELECT avg(CAST(x AS DOUBLE)), CAST(a AS DOUBLE) / NULLIF(CAST(b AS DOUBLE), 0), CAST(a AS DOUBLE) / 86400E0 FROM t',
    "SELECT date_diff('day', a, b), lag(x) OVER (PARTITION BY y ORDER BY z) FROM t CROSS JOIN UNNEST(sequence(1, 2)) AS u (n)",
    'SELECT \'a % b / c :: read_csv(1)\' AS text, "odd(name" FROM t -- now() / 2\n/* epoch(1) */',
  ])('accepts %s', (sql) => {
    expect(problems(sql)).toEqual([]);
  });

  it.each([
    ['SELECT a,\n  strftime(b, c) FROM t', '2: strftime() is not among'],
    ['SELECT a / b FROM t', '1: / differs between the engines'],
    ['SELECT a / 2 FROM t', '1: / differs'],
    ['SELECT a % 2 FROM t', '1: % differs'],
    ['SELECT a::DATE FROM t', '1: :: exists on DuckDB only'],
    ['SELECT list[1] FROM t', '1: [ differs'],
    ['SELECT sum(x) FROM t', '1: the type of sum()'],
    ['SELECT avg(x) FROM t', '1: avg() of decimals'],
    ['SELECT CAST(x AS HUGEINT) FROM t', '1: CAST to HUGEINT'],
    ['SELECT CAST(x AS DECIMAL) FROM t', '1: CAST to DECIMAL needs'],
    ['SELECT date_diff(unit, a, b) FROM t', '1: date_diff() takes its unit'],
    ['SELECT count(*) FROM t GROUP BY ALL', '1: GROUP BY ALL'],
    ['SELECT x FROM t QUALIFY row_number() OVER (ORDER BY x) = 1', '1: QUALIFY'],
    ['SELECT current_date FROM t', '1: CURRENT_DATE'],
    ['SELECT 1;', '1: a model is one query'],
    ['FROM t', '1: a model is one SELECT or WITH'],
  ])('refuses %s', (sql, expected) => {
    expect(problems(sql)[0]).toContain(expected);
  });
});

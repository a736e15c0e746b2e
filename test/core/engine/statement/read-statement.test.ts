import { describe, expect, it } from 'vitest';
import { pinStatement } from '../../../../src/core/engine/statement/pin-statement.js';
import { readStatement } from '../../../../src/core/engine/statement/read-statement.js';

const tablesOf = (sql: string): readonly string[] => {
  const read = readStatement(sql);
  if (read.kind !== 'query') throw new Error(JSON.stringify(read));
  return read.tables.map(({ parts }) => parts.join('.'));
};

describe('the tables that a statement reads', () => {
  it.each([
    ['SELECT 1', []],
    ['SELECT * FROM silver.orders', ['silver.orders']],
    ['SELECT * FROM Silver."orders" AS o, gold.dim_date d', ['silver.orders', 'gold.dim_date']],
    ['SELECT a FROM (silver.orders o JOIN silver.items i ON o.id = i.id), gold.x', ['silver.orders', 'silver.items', 'gold.x']],
    [
      'SELECT \'FROM silver.nope\', "FROM silver.nope" /* FROM silver.nope */ FROM silver.orders -- , silver.nope',
      ['silver.orders'],
    ],
    ["SELECT 'it''s FROM silver.nope' FROM silver.orders", ['silver.orders']],
    ['WITH o AS (SELECT * FROM silver.orders), p (a, b) AS (SELECT 1, 2) SELECT * FROM o JOIN p ON true', ['silver.orders']],
    ['WITH o AS (SELECT 1) TABLE silver.orders', ['silver.orders']],
    ['TABLE silver.orders', ['silver.orders']],
    ['SELECT * FROM o UNION ALL SELECT * FROM silver.p', ['o', 'silver.p']],
    ['(SELECT * FROM silver.a) UNION (SELECT * FROM silver.b)', ['silver.a', 'silver.b']],
    ['((SELECT * FROM silver.a)) EXCEPT TABLE silver.b', ['silver.a', 'silver.b']],
    ['SELECT * FROM ((SELECT * FROM silver.a) x JOIN silver.b y ON x.i = y.i)', ['silver.a', 'silver.b']],
    [
      'SELECT * FROM ((SELECT a FROM silver.a) UNION ALL SELECT a, b FROM silver.b, silver.c)',
      ['silver.a', 'silver.b', 'silver.c'],
    ],
    [
      'SELECT * FROM (((SELECT a FROM silver.a)) EXCEPT TABLE silver.b) x JOIN silver.c ON true',
      ['silver.a', 'silver.b', 'silver.c'],
    ],
    [
      'WITH o AS ((SELECT a FROM silver.a) UNION SELECT a FROM silver.b) SELECT * FROM o, silver.c',
      ['silver.a', 'silver.b', 'silver.c'],
    ],
    [
      'SELECT a IN ((VALUES 1) UNION SELECT b FROM silver.b), array_agg((SELECT 1) ORDER BY (SELECT c FROM silver.c)) FROM silver.a',
      ['silver.b', 'silver.c', 'silver.a'],
    ],
    ['SELECT * FROM ((SELECT * FROM silver.a) offset JOIN silver.b ON true)', ['silver.a', 'silver.b']],
    ['SELECT extract(year FROM d), trim(BOTH FROM x), substring(a FROM 2) FROM silver.orders', ['silver.orders']],
    ['SELECT a IS DISTINCT FROM b, c IS NOT DISTINCT FROM d FROM silver.orders', ['silver.orders']],
    [
      'SELECT (SELECT max(x) FROM silver.a) FROM silver.b WHERE c IN (SELECT d FROM silver.e) AND EXISTS (SELECT 1 FROM silver.f)',
      ['silver.a', 'silver.b', 'silver.e', 'silver.f'],
    ],
    [
      "SELECT * FROM silver.orders CROSS JOIN UNNEST(split(a, ',')) AS t(x), LATERAL (SELECT 1 FROM silver.b)",
      ['silver.orders', 'silver.b'],
    ],
    ['SELECT CAST(a AS timestamp(3) with time zone), b FROM silver.orders GROUP BY a, b ORDER BY a, b', ['silver.orders']],
    [
      'SELECT sum(x) OVER (PARTITION BY a ORDER BY b, c) FROM silver.orders WINDOW w AS (PARTITION BY a), v AS ()',
      ['silver.orders'],
    ],
    ['SELECT * FROM silver.orders FOR VERSION AS OF 12 o, silver.b', ['silver.orders', 'silver.b']],
    ['SELECT * FROM TABLE(sequence(1, 2)), silver.b', ['silver.b']],
    ['EXPLAIN (TYPE IO, FORMAT JSON) SELECT * FROM silver.orders', ['silver.orders']],
    ['SELECT * FROM silver.orders TABLESAMPLE BERNOULLI (10), silver.b', ['silver.orders', 'silver.b']],
    ['WITH RECURSIVE t(n) AS (VALUES 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT * FROM t, silver.b', ['silver.b']],
    ['SELECT * FROM iceberg.silver.orders', ['iceberg.silver.orders']],
  ])('%s', (sql, tables) => {
    expect(tablesOf(sql)).toEqual(tables);
  });

  it.each([
    'INSERT INTO silver.orders SELECT 1',
    'EXPLAIN ANALYZE INSERT INTO silver.orders SELECT 1',
    'SELECT 1; DROP TABLE silver.orders',
    'CALL iceberg.system.rollback()',
    'SELECT * FROM TABLE(exclude_columns(input => TABLE(silver.orders), columns => DESCRIPTOR(day)))',
    "SELECT * FROM TABLE(mysql.system.query(query => 'SELECT 1'))",
    "SELECT * FROM '/etc/passwd'",
    'SELECT * FROM read_csv(1)',
    'WITH FUNCTION f() RETURNS int RETURN 1 SELECT f()',
    "SELECT 'open",
    'SELECT (1',
    'SELECT 1)',
    '',
    '-- nothing',
  ])('refuses %s', (sql) => {
    expect(readStatement(sql).kind).toBe('refused');
  });
});

describe('a pinned statement', () => {
  const sql = `SELECT 'silver.orders', o.x\nFROM Silver.Orders AS o JOIN "silver"."orders" ON a = b`;
  const read = readStatement(sql);
  const pinned = pinStatement(
    sql,
    read.kind === 'query'
      ? read.tables.map((reference) => ({ reference, database: 'shop_silver', table: 'orders', snapshotId: 7n }))
      : [],
  );

  it('names the version behind each name, before its alias', () => {
    expect(pinned.sql).toBe(
      `SELECT 'silver.orders', o.x\nFROM "shop_silver"."orders" FOR VERSION AS OF 7 AS o JOIN "shop_silver"."orders" FOR VERSION AS OF 7 ON a = b`,
    );
  });

  it('takes its version where TABLE stood, which takes none', () => {
    const table = 'WITH a AS (TABLE silver.orders) (table silver.orders) UNION ALL TABLE a';
    const followed = readStatement(table);
    const references = followed.kind === 'query' ? followed.tables : [];
    const pins = references.map((reference) => ({ reference, database: 'silver', table: 'orders', snapshotId: 7n }));
    const written = 'SELECT * FROM "silver"."orders" FOR VERSION AS OF 7';
    expect(pinStatement(table, pins).sql).toBe(`WITH a AS (${written}) (${written}) UNION ALL TABLE a`);
  });

  it('finds places of the new text in the old one', () => {
    const line = pinned.sql.split('\n')[1] ?? '';
    expect(pinned.placeOf(1, 25)).toEqual({ line: 1, column: 25 });
    expect(pinned.placeOf(2, line.indexOf('JOIN') + 1)).toEqual({ line: 2, column: 25 });
    expect(pinned.placeOf(2, line.indexOf('b', line.lastIndexOf('=')) + 1)).toEqual({ line: 2, column: 55 });
    expect(pinned.placeOf(2, 9)).toEqual({ line: 2, column: 6 });
  });
});

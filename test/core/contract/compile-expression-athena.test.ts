import { describe, expect, it } from 'vitest';
import { compileExpressionForAthena } from '../../../src/core/contract/compile-expression-athena.js';
import type { ColumnType } from '../../../src/core/contract/contract.js';
import { checkCondition } from '../../../src/core/contract/expression-type.js';
import { parseExpression } from '../../../src/core/contract/parse-expression.js';

const COLUMNS: ReadonlyMap<string, ColumnType> = new Map<string, ColumnType>([
  ['price', { kind: 'decimal', precision: 12, scale: 2 }],
  ['wide', { kind: 'decimal', precision: 30, scale: 10 }],
  ['count', { kind: 'integer' }],
  ['ratio', { kind: 'double' }],
  ['city', { kind: 'string' }],
  ['bought', { kind: 'timestamp' }],
]);

const compiled = (text: string): string => {
  const expression = parseExpression(text);
  checkCondition(expression, COLUMNS);
  return compileExpressionForAthena(expression, COLUMNS);
};

/** That both engines give one verdict is shown on a real Trino, by test/real/engines-agree.real.ts. */
describe('compileExpressionForAthena', () => {
  it('anchors a pattern to the whole text, a line feed at its end included', () => {
    expect(compiled("city matches '[a-z ''-]+'")).toBe(String.raw`(regexp_like("city", '\A(?:[a-z ''\-]+)\z'))`);
  });

  it('gives NaN the place that it has in DuckDB', () => {
    expect(compiled('ratio > 1')).toBe(
      '(CASE WHEN CAST("ratio" AS DOUBLE) IS NULL OR CAST(1 AS DOUBLE) IS NULL THEN NULL ' +
        'WHEN is_nan(CAST("ratio" AS DOUBLE)) AND is_nan(CAST(1 AS DOUBLE)) THEN false ' +
        'WHEN is_nan(CAST("ratio" AS DOUBLE)) THEN true WHEN is_nan(CAST(1 AS DOUBLE)) THEN false ' +
        'ELSE CAST("ratio" AS DOUBLE) > CAST(1 AS DOUBLE) END)',
    );
  });

  it('makes long decimals doubles by way of their text, which all engines round alike', () => {
    expect(compiled('wide / 3 is not null')).toBe(
      '((CAST(CAST("wide" AS VARCHAR) AS DOUBLE) / nullif(CAST(3 AS DOUBLE), 0)) IS NOT NULL)',
    );
  });

  it('computes exact numbers in decimals and compares moments as they are', () => {
    expect(compiled('price + count >= 0')).toBe('((CAST("price" AS DECIMAL(12, 2)) + CAST("count" AS DECIMAL(10, 0))) >= 0)');
    expect(compiled("bought >= timestamp '2017-10-02T10:00:00.5'")).toBe(`("bought" >= TIMESTAMP '2017-10-02 10:00:00.5')`);
  });
});

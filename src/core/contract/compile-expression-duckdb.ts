/** Row expressions in DuckDB's SQL. */
import { quoteLiteral } from '../engine/sql-text.js';
import { compileExpression, type ExpressionDialect } from './compile-expression.js';
import type { Expression } from './expression.js';
import type { ColumnTypes } from './expression-type.js';

const DUCKDB: ExpressionDialect = {
  // DuckDB's own integer arithmetic fails beyond 32 or 64 bits, and that of narrow decimals beyond 18 digits even when the result's
  // type has more: so each part is made as wide as the result.
  exactOperand: (sql, size, result) => `CAST(${sql} AS DECIMAL(${Math.max(size.digits, result.digits)}, ${size.scale}))`,
  compareDoubles: (left, operator, right) => `(${left} ${operator} ${right})`,
  matches: (sql, pattern) => `regexp_full_match(${sql}, ${quoteLiteral(pattern)})`,
};

/** `expression` must have passed `checkCondition` with the same columns. The text is parenthesised as a whole. */
export const compileExpressionForDuckDb = (expression: Expression, columns: ColumnTypes): string =>
  compileExpression(expression, columns, DUCKDB);

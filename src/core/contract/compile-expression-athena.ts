/**
 * Row expressions in the SQL of Athena, that is Trino: the same verdict on every row as DuckDB's.
 * https://trino.io/docs/current/functions.html
 */
import { quoteLiteral } from '../engine/sql-text.js';
import { compileExpression, type ExpressionDialect } from './compile-expression.js';
import type { CompareOperator, Expression } from './expression.js';
import type { ColumnTypes } from './expression-type.js';

/** What a comparison says when its left or its right side is NaN and the other is not, and when both are. */
const WITH_NAN: Readonly<Record<CompareOperator, readonly [left: boolean, right: boolean, both: boolean]>> = {
  '=': [false, false, true],
  '<>': [true, true, false],
  '<': [false, true, false],
  '<=': [false, true, true],
  '>': [true, false, false],
  '>=': [true, false, true],
};

const ATHENA: ExpressionDialect = {
  // A result's type follows from those of its operands by the rules that the type check counts with.
  exactOperand: (sql, { digits, scale }) => `CAST(${sql} AS DECIMAL(${digits}, ${scale}))`,
  compareDoubles: (left, operator, right) => {
    const [nanLeft, nanRight, nanBoth] = WITH_NAN[operator];
    return (
      `(CASE WHEN ${left} IS NULL OR ${right} IS NULL THEN NULL WHEN is_nan(${left}) AND is_nan(${right}) THEN ${nanBoth} ` +
      `WHEN is_nan(${left}) THEN ${nanLeft} WHEN is_nan(${right}) THEN ${nanRight} ELSE ${left} ${operator} ${right} END)`
    );
  },
  // `$` would also match before a line feed at the end.
  matches: (sql, pattern) => `regexp_like(${sql}, ${quoteLiteral(`\\A(?:${pattern})\\z`)})`,
};

/** `expression` must have passed `checkCondition` with the same columns. The text is parenthesised as a whole. */
export const compileExpressionForAthena = (expression: Expression, columns: ColumnTypes): string =>
  compileExpression(expression, columns, ATHENA);

/**
 * A checked row expression → DuckDB SQL that can be null (unknown) but cannot fail on a row: exact arithmetic is done in decimals
 * whose size the type check has proved sufficient, quotients in doubles, and a division by zero is null.
 */
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { Expression, Literal } from './expression.js';
import { type ColumnTypes, type ExpressionType, expressionType } from './expression-type.js';
import { portablePattern } from './portable-pattern.js';

/** `expression` must have passed `checkCondition` with the same columns. The text is parenthesised as a whole. */
export function compileExpressionForDuckDb(expression: Expression, columns: ColumnTypes): string {
  const compile = (node: Expression): string => {
    switch (node.kind) {
      case 'literal':
        return literalSql(node);
      case 'column':
        return quoteIdentifier(node.name);
      case 'call':
        return `length(${compile(node.argument)})`;
      case 'negate':
        return `(- ${operand(node.operand, node)})`;
      case 'arithmetic': {
        if (node.operator === '/')
          return `(CAST(${compile(node.left)} AS DOUBLE) / nullif(CAST(${compile(node.right)} AS DOUBLE), 0))`;
        return `(${operand(node.left, node)} ${node.operator} ${operand(node.right, node)})`;
      }
      case 'compare':
        return `(${compile(node.left)} ${node.operator} ${compile(node.right)})`;
      case 'isNull':
        return `(${compile(node.operand)} IS ${node.negated ? 'NOT ' : ''}NULL)`;
      case 'in':
        return `(${compile(node.operand)} ${node.negated ? 'NOT ' : ''}IN (${node.values.map(compile).join(', ')}))`;
      case 'between':
        return `(${compile(node.operand)} ${node.negated ? 'NOT ' : ''}BETWEEN ${compile(node.low)} AND ${compile(node.high)})`;
      case 'matches':
        return `(${node.negated ? 'NOT ' : ''}regexp_full_match(${compile(node.operand)}, ${quoteLiteral(portablePattern(node.pattern))}))`;
      case 'not':
        return `(NOT ${compile(node.operand)})`;
      default:
        return `(${compile(node.left)} ${node.kind === 'and' ? 'AND' : 'OR'} ${compile(node.right)})`;
    }
  };
  const typeOf = (node: Expression): ExpressionType => expressionType(node, columns);
  const exactSize = (node: Expression): { readonly digits: number; readonly scale: number } | null => {
    const type = typeOf(node);
    return type.family === 'number' && type.exact
      ? { digits: type.exact.integerDigits + type.exact.scale, scale: type.exact.scale }
      : null;
  };
  /**
   * A number as part of `whole`. DuckDB's own integer arithmetic fails beyond 32 or 64 bits, and that of narrow decimals beyond 18
   * digits even when the result's type has more: so each part is made as wide as the result.
   */
  const operand = (node: Expression, whole: Expression): string => {
    const size = exactSize(node);
    const result = exactSize(whole);
    if (size === null || result === null) return `CAST(${compile(node)} AS DOUBLE)`;
    return `CAST(${compile(node)} AS DECIMAL(${Math.max(1, size.digits, result.digits)}, ${size.scale}))`;
  };
  return compile(expression);
}

function literalSql(literal: Literal): string {
  switch (literal.type) {
    case 'text':
      return quoteLiteral(literal.value);
    case 'date':
      return `DATE ${quoteLiteral(literal.value)}`;
    case 'timestamp':
      return `TIMESTAMP ${quoteLiteral(literal.value.replace('T', ' '))}`;
    case 'boolean':
      return literal.value;
    case 'number': {
      const digits = literal.value.replace(/^-?0*/, '').replace('.', '').length;
      const scale = literal.value.split('.')[1]?.length ?? 0;
      if (scale === 0 && digits <= 9) return String(Number(literal.value));
      return `CAST('${literal.value}' AS DECIMAL(${Math.max(1, digits, scale)}, ${scale}))`;
    }
  }
}

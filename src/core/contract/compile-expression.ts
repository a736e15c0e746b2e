/**
 * A checked row expression → SQL that can be null (unknown) but cannot fail on a row: exact arithmetic is done in decimals whose size
 * the type check has proved sufficient, quotients in doubles, and a division by zero is null. What engines write or mean differently
 * is asked of a dialect.
 */
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { CompareOperator, Expression, Literal } from './expression.js';
import { type ColumnTypes, type ExpressionType, expressionType } from './expression-type.js';
import { portablePattern } from './portable-pattern.js';

/** Digits of an exact number, those behind the point included. */
export interface ExactSize {
  readonly digits: number;
  readonly scale: number;
}

/** Numbers of so many digits are doubles without loss of any. */
const DIGITS_OF_A_DOUBLE = 15;

/** One engine's SQL for the parts in which engines differ; every text that comes and goes is whole in itself. */
export interface ExpressionDialect {
  /** An exact number as an operand of arithmetic whose result has the size `result`. */
  exactOperand(sql: string, size: ExactSize, result: ExactSize): string;
  /** Two doubles: NaN equals itself and is greater than all else. */
  compareDoubles(left: string, operator: CompareOperator, right: string): string;
  /** Whether the whole text matches a portable pattern. */
  matches(sql: string, pattern: string): string;
}

/** `expression` must have passed `checkCondition` with the same columns. The text is parenthesised as a whole. */
export function compileExpression(expression: Expression, columns: ColumnTypes, dialect: ExpressionDialect): string {
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
        if (node.operator === '/') return `(${double(node.left)} / nullif(${double(node.right)}, 0))`;
        return `(${operand(node.left, node)} ${node.operator} ${operand(node.right, node)})`;
      }
      case 'compare':
        return compare(node.left, node.operator, node.right);
      case 'isNull':
        return `(${compile(node.operand)} IS ${node.negated ? 'NOT ' : ''}NULL)`;
      case 'in': {
        const part = isDouble(node.operand) ? double : compile;
        return `(${part(node.operand)} ${node.negated ? 'NOT ' : ''}IN (${node.values.map(part).join(', ')}))`;
      }
      case 'between': {
        const { operand: value, low, high, negated } = node;
        if (![value, low, high].some(isDouble))
          return `(${compile(value)} ${negated ? 'NOT ' : ''}BETWEEN ${compile(low)} AND ${compile(high)})`;
        // All three as doubles, as an engine would: exact ones among them may have no common size.
        const inside = `(${compareDoubles(value, '>=', low)} AND ${compareDoubles(value, '<=', high)})`;
        return negated ? `(NOT ${inside})` : inside;
      }
      case 'matches': {
        const matches = dialect.matches(compile(node.operand), portablePattern(node.pattern));
        return `(${node.negated ? 'NOT ' : ''}${matches})`;
      }
      case 'not':
        return `(NOT ${compile(node.operand)})`;
      default:
        return `(${compile(node.left)} ${node.kind === 'and' ? 'AND' : 'OR'} ${compile(node.right)})`;
    }
  };
  const typeOf = (node: Expression): ExpressionType => expressionType(node, columns);
  const exactSize = (node: Expression): ExactSize | null => {
    const type = typeOf(node);
    if (type.family !== 'number' || !type.exact) return null;
    return { digits: Math.max(1, type.exact.integerDigits + type.exact.scale), scale: type.exact.scale };
  };
  /** By way of text where the number has more digits than a double: each engine rounds its own casts of decimals in its own way. */
  const double = (node: Expression): string => {
    const sql = compile(node);
    return `CAST(${(exactSize(node)?.digits ?? 0) > DIGITS_OF_A_DOUBLE ? `CAST(${sql} AS VARCHAR)` : sql} AS DOUBLE)`;
  };
  const isDouble = (node: Expression): boolean => typeOf(node).family === 'number' && exactSize(node) === null;
  const compareDoubles = (left: Expression, operator: CompareOperator, right: Expression): string =>
    dialect.compareDoubles(double(left), operator, double(right));
  const compare = (left: Expression, operator: CompareOperator, right: Expression): string =>
    isDouble(left) || isDouble(right)
      ? compareDoubles(left, operator, right)
      : `(${compile(left)} ${operator} ${compile(right)})`;
  /** A number as part of `whole`. */
  const operand = (node: Expression, whole: Expression): string => {
    const [size, result] = [exactSize(node), exactSize(whole)];
    return size === null || result === null ? double(node) : dialect.exactOperand(compile(node), size, result);
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

/**
 * Types of row expressions: refuses unknown columns and functions, and operands that do not fit together, before any engine
 * would coerce them each in its own way.
 */
import type { ColumnType } from './contract.js';
import { type Expression, ExpressionError, type Literal } from './expression.js';
import { portablePattern } from './portable-pattern.js';

/**
 * `exact` numbers know their size (digits before and after the point), so that a rule whose arithmetic could overflow an engine's
 * 38 digits is refused when it is compiled and never fails on a row. `moment` is a date or a timestamp.
 */
export type ExpressionType =
  | { readonly family: 'number'; readonly exact: { readonly integerDigits: number; readonly scale: number } | null }
  | { readonly family: 'text' | 'moment' | 'boolean' };

export type ColumnTypes = ReadonlyMap<string, ColumnType>;

const MAX_DIGITS = 38;
const BOOLEAN: ExpressionType = { family: 'boolean' };

/** Throws ExpressionError unless the expression is a condition over these columns. */
export function checkCondition(expression: Expression, columns: ColumnTypes): void {
  expectFamily(expression, columns, 'boolean', 'a rule must be true or false, such as "price > 0"');
}

/** The type of an expression; throws ExpressionError. */
export function expressionType(node: Expression, columns: ColumnTypes): ExpressionType {
  switch (node.kind) {
    case 'literal':
      return literalType(node);
    case 'column': {
      const type = columns.get(node.name);
      if (type === undefined) {
        const known = [...columns.keys()].find((name) => name.toLowerCase() === node.name.toLowerCase());
        throw new ExpressionError(
          `there is no column "${node.name}"${known === undefined ? '' : `: did you mean "${known}"?`}`,
          node.at,
        );
      }
      return ofColumn(type);
    }
    case 'call':
      if (node.name !== 'length')
        throw new ExpressionError(`there is no function "${node.name}"; the only one is length(text)`, node.at);
      expectFamily(node.argument, columns, 'text', 'length() takes a text');
      return exact(19, 0);
    case 'negate':
      return expectFamily(node.operand, columns, 'number', 'only a number can be negated');
    case 'arithmetic':
      return arithmeticType(node, columns);
    case 'compare': {
      const { family } = sameFamily([node.left, node.right], columns, node.at);
      if (family === 'boolean' && node.operator !== '=' && node.operator !== '<>') {
        throw new ExpressionError('true and false have no order: compare them with = or <>', node.at);
      }
      return BOOLEAN;
    }
    case 'isNull':
      expressionType(node.operand, columns);
      return BOOLEAN;
    case 'in':
      sameFamily([node.operand, ...node.values], columns, node.at);
      return BOOLEAN;
    case 'between':
      if (sameFamily([node.operand, node.low, node.high], columns, node.at).family === 'boolean') {
        throw new ExpressionError('true and false have no order', node.at);
      }
      return BOOLEAN;
    case 'matches':
      expectFamily(node.operand, columns, 'text', 'only a text can match a pattern');
      try {
        portablePattern(node.pattern);
      } catch (error) {
        throw error instanceof ExpressionError ? new ExpressionError(error.message, node.at) : error;
      }
      return BOOLEAN;
    case 'not':
      return expectFamily(node.operand, columns, 'boolean', 'only a condition can be negated with "not"');
    default:
      expectFamily(node.left, columns, 'boolean', `"${node.kind}" joins conditions`);
      return expectFamily(node.right, columns, 'boolean', `"${node.kind}" joins conditions`);
  }
}

const exact = (integerDigits: number, scale: number): ExpressionType => ({ family: 'number', exact: { integerDigits, scale } });

function ofColumn(type: ColumnType): ExpressionType {
  switch (type.kind) {
    case 'string':
      return { family: 'text' };
    case 'boolean':
      return BOOLEAN;
    case 'date':
    case 'timestamp':
      return { family: 'moment' };
    case 'double':
      return { family: 'number', exact: null };
    case 'decimal':
      return exact(type.precision - type.scale, type.scale);
    default:
      return exact(type.kind === 'integer' ? 10 : 19, 0);
  }
}

function literalType(literal: Literal): ExpressionType {
  if (literal.type === 'boolean') return BOOLEAN;
  if (literal.type === 'text') {
    if (/[\0\uD800-\uDFFF]/u.test(literal.value)) throw new ExpressionError('a text holds a NUL or a lone surrogate', literal.at);
    return { family: 'text' };
  }
  if (literal.type === 'number') {
    const [integer = '', fraction = ''] = literal.value.replace(/^-?0*/, '').split('.');
    // DuckDB takes a short whole number for an INTEGER, which counts as ten digits.
    const size = exact(literal.value.includes('.') ? integer.length : Math.max(10, integer.length), fraction.length);
    if (integer.length + fraction.length > MAX_DIGITS)
      throw new ExpressionError(`a number has at most ${MAX_DIGITS} digits`, literal.at);
    return size;
  }
  const valid = literal.type === 'date' ? isDate(literal.value) : isTimestamp(literal.value);
  const form = literal.type === 'date' ? "date '2018-12-31'" : "timestamp '2018-12-31 23:59:59'";
  if (!valid) throw new ExpressionError(`"${literal.value}" is no ${literal.type}: write ${form}`, literal.at);
  return { family: 'moment' };
}

function isDate(text: string): boolean {
  if (!/^(?!0000)\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

const isTimestamp = (text: string): boolean =>
  isDate(text.slice(0, 10)) && /^[ T]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?$/.test(text.slice(10));

function expectFamily(node: Expression, columns: ColumnTypes, family: ExpressionType['family'], message: string): ExpressionType {
  const type = expressionType(node, columns);
  if (type.family !== family) throw new ExpressionError(`${message}, and this is ${article(type.family)}`, node.at);
  return type;
}

const article = (family: ExpressionType['family']): string => (family === 'moment' ? 'a date or timestamp' : `a ${family}`);

/** All of one family; exact numbers must have a common size. */
function sameFamily(nodes: readonly Expression[], columns: ColumnTypes, at: number): ExpressionType {
  const types = nodes.map((node) => expressionType(node, columns));
  const first = types[0] as ExpressionType;
  const other = types.find((type) => type.family !== first.family);
  if (other) throw new ExpressionError(`${article(first.family)} cannot be compared with ${article(other.family)}`, at);
  if (types.every((type) => type.family === 'number' && type.exact !== null)) {
    const sizes = types.map((type) => (type.family === 'number' ? type.exact : null) ?? { integerDigits: 0, scale: 0 });
    fits(exact(Math.max(...sizes.map((size) => size.integerDigits)), Math.max(...sizes.map((size) => size.scale))), at);
  }
  return first;
}

function arithmeticType(node: Expression & { readonly kind: 'arithmetic' }, columns: ColumnTypes): ExpressionType {
  const [left, right] = [node.left, node.right].map((part) =>
    expectFamily(part, columns, 'number', `"${node.operator}" works on numbers`),
  );
  const a = left?.family === 'number' ? left.exact : null;
  const b = right?.family === 'number' ? right.exact : null;
  if (a === null || b === null || node.operator === '/') return { family: 'number', exact: null };
  if (node.operator === '*') return fits(exact(a.integerDigits + b.integerDigits, a.scale + b.scale), node.at);
  return fits(exact(Math.max(a.integerDigits, b.integerDigits) + 1, Math.max(a.scale, b.scale)), node.at);
}

function fits(type: ExpressionType, at: number): ExpressionType {
  const digits = type.family === 'number' && type.exact ? type.exact.integerDigits + type.exact.scale : 0;
  if (digits > MAX_DIGITS)
    throw new ExpressionError(`the numbers together need ${digits} digits, and engines hold ${MAX_DIGITS}`, at);
  return type;
}

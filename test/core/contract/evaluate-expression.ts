/**
 * The reference meaning of row expressions, written plainly in JavaScript with SQL's three-valued logic: exact numbers as scaled
 * bigints, doubles as numbers, moments as microseconds, texts as code points. Null is unknown.
 */
import type { ColumnType } from '../../../src/core/contract/contract.js';
import type { Expression, Literal } from '../../../src/core/contract/expression.js';
import { portablePattern } from '../../../src/core/contract/portable-pattern.js';
import type { TextRow } from './arbitrary-expression.js';

interface Exact {
  readonly units: bigint;
  readonly scale: number;
}
type Value = null | boolean | string | number | Exact | { readonly us: bigint };

export function evaluate(node: Expression, row: TextRow, types: ReadonlyMap<string, ColumnType>): Value {
  const value = (part: Expression): Value => evaluate(part, row, types);
  const known = (...values: readonly Value[]): boolean => values.every((each) => each !== null);
  const negateIf = (negated: boolean, result: Value): Value => (result === null ? null : negated ? result !== true : result);
  switch (node.kind) {
    case 'literal':
      return ofLiteral(node);
    case 'column':
      return ofText(row[node.name] ?? null, types.get(node.name) as ColumnType);
    case 'call': {
      const text = value(node.argument);
      return typeof text === 'string' ? { units: BigInt([...text].length), scale: 0 } : null;
    }
    case 'negate': {
      const operand = value(node.operand);
      return operand === null
        ? null
        : typeof operand === 'number'
          ? -operand
          : { ...(operand as Exact), units: -(operand as Exact).units };
    }
    case 'arithmetic': {
      const [left, right] = [value(node.left), value(node.right)];
      return known(left, right) ? calculate(node.operator, left as number | Exact, right as number | Exact) : null;
    }
    case 'compare': {
      const [left, right] = [value(node.left), value(node.right)];
      return known(left, right) ? holds(node.operator, order(left, right)) : null;
    }
    case 'isNull':
      return (value(node.operand) === null) !== node.negated;
    case 'in': {
      const operand = value(node.operand);
      return negateIf(node.negated, operand === null ? null : node.values.some((each) => order(operand, ofLiteral(each)) === 0));
    }
    case 'between': {
      const [operand, low, high] = [value(node.operand), value(node.low), value(node.high)];
      const above = known(operand, low) ? order(operand, low) >= 0 : null;
      return negateIf(node.negated, and(above, known(operand, high) ? order(operand, high) <= 0 : null));
    }
    case 'matches': {
      const text = value(node.operand);
      return negateIf(
        node.negated,
        typeof text === 'string' ? new RegExp(`^(?:${portablePattern(node.pattern)})$`, 'u').test(text) : null,
      );
    }
    case 'not':
      return negateIf(true, value(node.operand));
    case 'and':
      return and(value(node.left), value(node.right));
    case 'or':
      return negateIf(true, and(negateIf(true, value(node.left)), negateIf(true, value(node.right))));
  }
}

const and = (left: Value, right: Value): Value =>
  left === false || right === false ? false : left === null || right === null ? null : true;

const holds = (operator: string, sign: number): boolean =>
  ({ '=': sign === 0, '<>': sign !== 0, '<': sign < 0, '<=': sign <= 0, '>': sign > 0, '>=': sign >= 0 })[operator] ?? false;

const ofLiteral = (literal: Literal): Value => {
  switch (literal.type) {
    case 'number':
      return ofText(literal.value, { kind: 'decimal', precision: 38, scale: 0 });
    case 'text':
      return literal.value;
    case 'boolean':
      return literal.value === 'true';
    default:
      return ofText(literal.value, { kind: literal.type });
  }
};

function ofText(text: string | null, type: ColumnType): Value {
  if (text === null) return null;
  switch (type.kind) {
    case 'string':
      return text;
    case 'boolean':
      return text === 'true';
    case 'double':
      return Number(text);
    case 'date':
      return { us: BigInt(Date.parse(`${text}T00:00:00Z`)) * 1000n };
    case 'timestamp': {
      const [seconds = '', fraction = ''] = text.replace(' ', 'T').split('.');
      return { us: BigInt(Date.parse(`${seconds}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0')) };
    }
    default: {
      const [integer = '', fraction = ''] = text.split('.');
      return { units: BigInt(integer + fraction), scale: fraction.length };
    }
  }
}

const toDouble = (value: number | Exact): number => (typeof value === 'number' ? value : Number(value.units) / 10 ** value.scale);
const rescale = (value: Exact, scale: number): bigint => value.units * 10n ** BigInt(scale - value.scale);

function calculate(operator: string, left: number | Exact, right: number | Exact): Value {
  if (operator === '/') return toDouble(right) === 0 ? null : toDouble(left) / toDouble(right);
  if (typeof left === 'number' || typeof right === 'number') {
    const [a, b] = [toDouble(left), toDouble(right)];
    return operator === '+' ? a + b : operator === '-' ? a - b : a * b;
  }
  if (operator === '*') return { units: left.units * right.units, scale: left.scale + right.scale };
  const scale = Math.max(left.scale, right.scale);
  const [a, b] = [rescale(left, scale), rescale(right, scale)];
  return { units: operator === '+' ? a + b : a - b, scale };
}

/** Negative, 0 or positive. */
function order(left: Value, right: Value): number {
  if (typeof left === 'string' && typeof right === 'string') return Buffer.compare(Buffer.from(left), Buffer.from(right));
  if (typeof left === 'boolean' || typeof right === 'boolean') return Number(left) - Number(right);
  if (left !== null && typeof left === 'object' && 'us' in left) return sign(left.us - (right as { readonly us: bigint }).us);
  const [a, b] = [left as number | Exact, right as number | Exact];
  if (typeof a === 'number' || typeof b === 'number') return Math.sign(toDouble(a) - toDouble(b));
  const scale = Math.max(a.scale, b.scale);
  return sign(rescale(a, scale) - rescale(b, scale));
}

const sign = (difference: bigint): number => (difference < 0n ? -1 : difference > 0n ? 1 : 0);

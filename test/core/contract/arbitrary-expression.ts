/** Random row expressions and rows for the property tests. */
import * as fc from 'fast-check';
import type { ColumnType } from '../../../src/core/contract/contract.js';
import type { Expression, Literal } from '../../../src/core/contract/expression.js';

export const COLUMN_TYPES: ReadonlyMap<string, ColumnType> = new Map<string, ColumnType>([
  ['count', { kind: 'integer' }],
  ['total', { kind: 'long' }],
  ['price', { kind: 'decimal', precision: 12, scale: 2 }],
  ['ratio', { kind: 'double' }],
  ['city', { kind: 'string' }],
  ['date', { kind: 'timestamp' }],
  ['day', { kind: 'date' }],
  ['open', { kind: 'boolean' }],
]);

const at = 0;
const literal = (type: Literal['type'], value: string): Literal => ({ kind: 'literal', type, value, at });
const column = (name: string): Expression => ({ kind: 'column', name, at });

const digits = fc.oneof(
  fc.integer({ min: 0, max: 20 }).map(String),
  fc.integer({ min: 0, max: 9999 }).map((value) => (value / 100).toFixed(2)),
  fc.constantFrom('2147483647', '0.5', '123456789012', '9223372036854775807'),
);
const numberLiteral = digits.map((value) => literal('number', value));
const signed = fc.tuple(digits, fc.boolean()).map(([value, minus]) => literal('number', minus ? `-${value}` : value));
const words = fc.constantFrom('', 'franca', 'sao paulo', "d'oeste", 'é', '🙂a', 'a%b', 'A', 'a\nb', '12345');
const textLiteral = words.map((value) => literal('text', value));
const dates = fc.constantFrom('2017-10-02', '2017-10-03', '2016-02-29');
const times = fc.constantFrom('2017-10-02 00:00:00', '2017-10-02 10:56:33', '2017-10-02T10:56:33.000001', '2017-10-03 00:00:00');
const momentLiteral = fc.oneof(
  dates.map((value) => literal('date', value)),
  times.map((value) => literal('timestamp', value)),
);
const patterns = fc.constantFrom('[0-9]{5}', "[a-z ''-]*", '.*', '.', '(a|franca)', '\\d+', '[^a]?.?', 'a.b', '^sao .*$', '\\w+');

const node = fc.letrec<{ number: Expression; text: Expression; moment: Expression; condition: Expression }>((tie) => ({
  number: fc.oneof(
    { maxDepth: 2, depthIdentifier: 'number' },
    fc.constantFrom('count', 'total', 'price', 'ratio').map(column),
    numberLiteral,
    tie('number').map((operand) => ({ kind: 'negate', operand, at }) as const),
    tie('text').map((argument) => ({ kind: 'call', name: 'length', argument, at }) as const),
    fc
      .tuple(fc.constantFrom('+', '-', '*', '/'), tie('number'), tie('number'))
      .map(([operator, left, right]) => ({ kind: 'arithmetic', operator, left, right, at }) as const),
  ),
  text: fc.oneof(fc.constant(column('city')), textLiteral),
  moment: fc.oneof(fc.constantFrom('date', 'day').map(column), momentLiteral),
  condition: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'condition' },
    ...(['number', 'text', 'moment'] as const).flatMap((family) => [
      fc
        .tuple(fc.constantFrom('=', '<>', '<', '<=', '>', '>='), tie(family), tie(family))
        .map(([operator, left, right]) => ({ kind: 'compare', operator, left, right, at }) as const),
      fc
        .tuple(tie(family), tie(family), tie(family), fc.boolean())
        .map(([operand, low, high, negated]) => ({ kind: 'between', operand, low, high, negated, at }) as const),
      fc
        .tuple(
          tie(family),
          fc.array<Literal>({ number: signed, text: textLiteral, moment: momentLiteral }[family], { minLength: 1, maxLength: 3 }),
          fc.boolean(),
        )
        .map(([operand, values, negated]) => ({ kind: 'in', operand, values, negated, at }) as const),
      fc.tuple(tie(family), fc.boolean()).map(([operand, negated]) => ({ kind: 'isNull', operand, negated, at }) as const),
    ]),
    fc
      .tuple(tie('text'), patterns, fc.boolean())
      .map(([operand, pattern, negated]) => ({ kind: 'matches', operand, pattern, negated, at }) as const),
    fc.constantFrom<Expression>(column('open'), literal('boolean', 'true'), literal('boolean', 'false')),
    fc
      .tuple(fc.constantFrom('=', '<>'), tie('condition'), tie('condition'))
      .map(([operator, left, right]) => ({ kind: 'compare', operator, left, right, at }) as const),
    fc.tuple(tie('condition'), fc.boolean()).map(([operand, negated]) => ({ kind: 'isNull', operand, negated, at }) as const),
    tie('condition').map((operand) => ({ kind: 'not', operand, at }) as const),
    fc
      .tuple(fc.constantFrom('and', 'or'), tie('condition'), tie('condition'))
      .map(([kind, left, right]) => ({ kind, left, right, at }) as const),
  ),
}));

export const arbitraryCondition: fc.Arbitrary<Expression> = node.condition;

/** Values as DuckDB reads them from text; null is null. */
export type TextRow = Readonly<Record<string, string | null>>;

export const arbitraryRow: fc.Arbitrary<TextRow> = fc.record({
  count: fc.option(fc.constantFrom('0', '1', '-3', '5', '2147483647', '-2147483648')),
  total: fc.option(fc.constantFrom('0', '7', '9223372036854775807', '-9223372036854775808')),
  price: fc.option(fc.constantFrom('0.00', '0.01', '-5.50', '58.90', '9999999999.99')),
  ratio: fc.option(fc.constantFrom('0', '-23.5', '0.1', '1e300', '-1e-300')),
  city: fc.option(words.filter((word) => word !== '')),
  date: fc.option(times.map((value) => value.replace('T', ' '))),
  day: fc.option(dates),
  open: fc.option(fc.constantFrom('true', 'false')),
});

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type SingleValue,
  compareValues,
  decodeBound,
  encodeBound,
  encodeValue,
  valueOfText,
} from '../../../src/core/table/single-value.js';
import type { IcebergPrimitive } from '../../../src/core/table/table-api.js';

const VALUES: readonly (readonly [IcebergPrimitive, fc.Arbitrary<SingleValue>])[] = [
  ['boolean', fc.boolean()],
  ['int', fc.integer()],
  ['date', fc.integer({ min: -1_000_000, max: 1_000_000 })],
  ['long', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['timestamp', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ['float', fc.float({ noNaN: true })],
  ['double', fc.double({ noNaN: true })],
  ['decimal(38,9)', fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n })],
  ['string', fc.string({ unit: 'binary' })],
  ['binary', fc.uint8Array()],
];

describe('the single-value serialization', () => {
  it.each(VALUES)('of %s gives every value back', (type, values) => {
    fc.assert(
      fc.property(values, (value) => {
        const back = decodeBound(type, encodeValue(type, value));
        expect(compareValues(back, value)).toBe(0);
      }),
    );
  });

  it.each(VALUES)('of %s bounds every value from below and above', (type, values) => {
    fc.assert(
      fc.property(values, (value) => {
        const [lower, upper] = [encodeBound(type, value, 'lower'), encodeBound(type, value, 'upper')];
        if (lower) expect(compareValues(decodeBound(type, lower), value)).toBeLessThanOrEqual(0);
        if (upper) expect(compareValues(decodeBound(type, upper), value)).toBeGreaterThanOrEqual(0);
        expect(lower).not.toBeNull();
      }),
    );
  });

  it('has the bytes of the specification', () => {
    expect(Buffer.from(encodeValue('long', 34n)).toString('hex')).toBe('2200000000000000');
    expect(Buffer.from(encodeValue('decimal(9,2)', 1420n)).toString('hex')).toBe('058c');
    expect(Buffer.from(encodeValue('decimal(9,2)', -1n)).toString('hex')).toBe('ff');
    expect(Buffer.from(encodeValue('date', 17_441)).readInt32LE()).toBe(17_441);
  });

  it('raises the last character that can be raised in a truncated upper bound', () => {
    const upperOf = (text: string): string | null => {
      const bound = encodeBound('string', text, 'upper');
      return bound && Buffer.from(bound).toString();
    };
    expect(upperOf('a'.repeat(20))).toBe(`${'a'.repeat(15)}b`);
    expect(upperOf(`${'a'.repeat(15)}\u{10FFFF}z`)).toBe(`${'a'.repeat(14)}b`);
    expect(upperOf(`${'a'.repeat(15)}\uD7FFz`)).toBe(`${'a'.repeat(15)}\uE000`);
    expect(upperOf('\u{10FFFF}'.repeat(17))).toBeNull();
    expect(upperOf('short')).toBe('short');
    expect(encodeBound('double', Number.NaN, 'upper')).toBeNull();
  });

  it('reads values written as text, exactly or not at all', () => {
    expect(valueOfText('decimal(12,2)', '-12.5')).toBe(-1250n);
    expect(valueOfText('decimal(12,2)', '12.345')).toBeNull();
    expect(valueOfText('decimal(12,2)', '-.5')).toBe(-50n);
    expect(valueOfText('timestamp', '2017-10-02 10:56:33.5')).toBe(1_506_941_793_500_000n);
    expect(valueOfText('timestamp', '1969-12-31 23:59:59.999999')).toBe(-1n);
    expect(valueOfText('date', '1969-12-31')).toBe(-1);
    expect(valueOfText('date', '2017-10-02')).toBe(17_441);
    expect(valueOfText('timestamp', 'infinity')).toBeNull();
    expect(valueOfText('long', '9007199254740993')).toBe(9_007_199_254_740_993n);
  });
});

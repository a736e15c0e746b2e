import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shapeRows } from '../../src/cli/shape-rows.js';
import { withReadableSort } from '../../src/cli/sort-flag.js';

const rowsOf = (values: readonly unknown[]): { v: unknown }[] => values.map((v) => ({ v }));
const sorted = (values: readonly unknown[], sort: string): unknown[] =>
  shapeRows(rowsOf(values), ['v'], { sort }).rows.map((row) => row['v']);
const filtered = (values: readonly unknown[], filter: string): unknown[] =>
  shapeRows(rowsOf(values), ['v'], { filter: [filter] }).rows.map((row) => row['v']);

describe('--sort', () => {
  it('orders decimals and long integers that are written as text by value, empty cells last both ways', () => {
    const values = ['1010271.37', null, '-3.85', '9.50', '10.00', '0.00'];
    expect(sorted(values, 'v')).toEqual(['-3.85', '0.00', '9.50', '10.00', '1010271.37', null]);
    expect(sorted(values, '-v')).toEqual(['1010271.37', '10.00', '9.50', '0.00', '-3.85', null]);
    const long = ['9007199254740993', 9007199254740991, '9007199254740992', 5n, '-9007199254740993'];
    expect(sorted(long, 'v:desc')).toEqual(['9007199254740993', '9007199254740992', 9007199254740991, 5n, '-9007199254740993']);
    expect(sorted([1e21, 2, 1e-7, 0.5], 'v')).toEqual([1e-7, 0.5, 2, 1e21]);
  });

  it('orders any decimals as their exact values', () => {
    const cents = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
    const text = (value: bigint): string => {
      const digits = String(value < 0n ? -value : value).padStart(3, '0');
      return `${value < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
    };
    fc.assert(
      fc.property(fc.array(cents), (values) => {
        const byValue = values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
        expect(sorted(values.map(text), 'v')).toEqual(byValue.map(text));
      }),
    );
  });

  it('orders a column that has any text as text, its numbers first', () => {
    expect(sorted(['9a', '10', '2'], 'v')).toEqual(['10', '2', '9a']);
    expect(sorted(['b', 10, 'a', 9], 'v')).toEqual([9, 10, 'a', 'b']);
  });

  it('takes column:desc, and a column whose own name ends so', () => {
    const rows = [{ 'a:desc': 2 }, { 'a:desc': 1 }];
    expect(shapeRows(rows, ['a:desc'], { sort: 'a:desc' }).rows).toEqual([{ 'a:desc': 1 }, { 'a:desc': 2 }]);
    expect(shapeRows(rows, ['a:desc'], { sort: 'a:desc:desc' }).rows).toEqual([{ 'a:desc': 2 }, { 'a:desc': 1 }]);
  });
});

describe('--filter', () => {
  it('finds an amount however many decimals it is written with, but takes no code for a number', () => {
    expect(filtered(['10.00', '10', 10, '100', '10.01', 'x'], 'v=10')).toEqual(['10.00', '10', 10]);
    expect(filtered(['10.00', '11.00'], 'v!=10')).toEqual(['11.00']);
    expect(filtered(['01310', '1310', '1e1'], 'v=1310')).toEqual(['1310']);
    expect(filtered(['10', '1e1'], 'v=10')).toEqual(['10']);
  });
});

describe('the argument of --sort', () => {
  it('is kept from being taken for a short flag', () => {
    expect(withReadableSort(['--sort', '-name', '-n', 'silver'])).toEqual(['--sort=name:desc', '-n', 'silver']);
    expect(withReadableSort(['--sort=-partition, rows,-name'])).toEqual(['--sort=partition:desc,rows,name:desc']);
    expect(withReadableSort(['--sort', 'rows', '--sort', '--limit'])).toEqual(['--sort', 'rows', '--sort', '--limit']);
    expect(withReadableSort(['--', '--sort', '-name'])).toEqual(['--', '--sort', '-name']);
  });
});

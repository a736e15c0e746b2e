import { describe, expect, it } from 'vitest';
import { renderRows } from '../../src/cli/render-rows.js';
import { shapeRows } from '../../src/cli/shape-rows.js';

const PLAIN = { colour: false };
const rows = [
  { name: 'orders', rows: 99_441n, reasons: ['a', 'b'], note: null },
  { name: 'geolocation', rows: 2n ** 60n, reasons: [], note: 'São "Paulo",\nSP' },
  { name: 'sellers', rows: 3095n, reasons: ['c'], note: 'x\u001B[2Jy' },
];
const columns = ['name', 'rows', 'reasons', 'note'];

describe('renderRows', () => {
  it('aligns columns, numbers to the right, and keeps control characters off the terminal', () => {
    expect(renderRows({ rows, columns }, 'table', PLAIN)).toBe(
      [
        'name                        rows  reasons  note',
        'orders                     99441  a, b',
        'geolocation  1152921504606846976           São "Paulo", SP',
        'sellers                     3095  c        x [2Jy',
        '',
      ].join('\n'),
    );
  });

  it('prints JSON that a double can hold, and the rest as text', () => {
    const parsed = JSON.parse(renderRows({ rows, columns: ['rows', 'note'] }, 'json', PLAIN)) as unknown;
    expect(parsed).toEqual([
      { rows: 99_441, note: null },
      { rows: '1152921504606846976', note: 'São "Paulo",\nSP' },
      { rows: 3095, note: 'x\u001B[2Jy' },
    ]);
  });

  it('quotes CSV as RFC 4180 does', () => {
    const text = renderRows({ rows: rows.slice(1, 2), columns: ['name', 'note'] }, 'csv', PLAIN);
    expect(text).toBe('name,note\ngeolocation,"São ""Paulo"",\nSP"\n');
  });

  it('cuts the widest column to the terminal', () => {
    const wide = [{ id: 1, text: 'x'.repeat(200) }];
    const lines = renderRows({ rows: wide, columns: ['id', 'text'] }, 'table', { colour: false, widthColumns: 40 }).split('\n');
    expect(lines[1]).toHaveLength(40);
    expect(lines[1]?.endsWith('…')).toBe(true);
  });
});

describe('a table on a narrow terminal', () => {
  const wide = [
    { order_id: 'a'.repeat(32), customer_id: 'b'.repeat(32), seller_id: 'c'.repeat(32), state: 'SP', city: 'd'.repeat(30), n: 1 },
    { order_id: 'e'.repeat(32), customer_id: null, seller_id: 'f'.repeat(32), state: 'RJ', city: 'g'.repeat(30), n: 2 },
  ];
  const shaped = { rows: wide, columns: Object.keys(wide[0] ?? {}) };

  it('is a block per row where columns would be cut below twelve characters', () => {
    const blocks = renderRows(shaped, 'table', { colour: false, widthColumns: 60 }).split('\n\n');
    expect(blocks).toHaveLength(2);
    expect(blocks[0]?.split('\n')).toEqual([
      `order_id     ${'a'.repeat(32)}`,
      `customer_id  ${'b'.repeat(32)}`,
      `seller_id    ${'c'.repeat(32)}`,
      'state        SP',
      `city         ${'d'.repeat(30)}`,
      'n            1',
    ]);
    expect(blocks[1]).toContain('\ncustomer_id\nseller_id    f');
  });

  it('stays a table where it fits', () => {
    const lines = renderRows(shaped, 'table', { colour: false, widthColumns: 90 }).trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines.every((line) => line.length <= 90)).toBe(true);
  });
});

describe('shapeRows', () => {
  const names = (shape: Parameters<typeof shapeRows>[2]): unknown[] =>
    shapeRows(rows, columns, shape).rows.map((row) => row['name']);

  it('filters, sorts and limits', () => {
    expect(names({ filter: ['name!=orders'] })).toEqual(['geolocation', 'sellers']);
    expect(names({ filter: ['name~ER'] })).toEqual(['orders', 'sellers']);
    expect(names({ filter: ['reasons=a, b'] })).toEqual(['orders']);
    expect(names({ sort: '-rows' })).toEqual(['geolocation', 'orders', 'sellers']);
    expect(names({ sort: 'rows', limit: 1 })).toEqual(['sellers']);
    expect(names({ sort: 'note' })).toEqual(['geolocation', 'sellers', 'orders']);
  });

  it('refuses an unknown column and a filter that is none', () => {
    expect(() => names({ sort: 'nmae' })).toThrow(
      expect.objectContaining({ code: 'KS_USAGE', hint: expect.stringContaining('"name"') }),
    );
    expect(() => names({ filter: ['orders'] })).toThrow(expect.objectContaining({ code: 'KS_USAGE' }));
    expect(() => shapeRows([], columns, { columns: 'name,absent' })).toThrow(expect.objectContaining({ code: 'KS_USAGE' }));
  });
});

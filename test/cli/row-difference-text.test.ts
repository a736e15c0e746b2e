import { describe, expect, it } from 'vitest';
import { rowDifferenceCells } from '../../src/cli/row-difference-text.js';

describe('a differing row as text', () => {
  it('names old and new values, lineage last', () => {
    expect(
      rowDifferenceCells({
        change: 'changed',
        key: { order_id: 'a', item: 1 },
        from: { _offset: 1, price: '10.00', note: null },
        to: { _offset: 2, price: '12.00', note: 'x' },
      }),
    ).toEqual({
      change: 'changed',
      key: 'order_id=a item=1',
      difference: 'price: 10.00 → 12.00, note: null → x, _offset: 1 → 2',
    });
  });

  it('does not repeat the key, and cuts long values', () => {
    const cells = rowDifferenceCells({ change: 'removed', key: { id: 1 }, from: { id: 1, text: 'y'.repeat(200) }, to: null });
    expect(cells.difference).toBe(`text: ${'y'.repeat(59)}…`);
    expect(rowDifferenceCells({ change: 'added', key: {}, from: null, to: { list: [1, 2] } }).difference).toBe('list: [1,2]');
  });
});

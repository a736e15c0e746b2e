import { describe, expect, it } from 'vitest';
import { watchLayout, watchLine } from '../../../src/cli/lag/watch-columns.js';

const names = (width: number): string[] => watchLayout(width).columns.map(({ name }) => name);

describe('watchLayout', () => {
  it('gives up first what other columns say too, and never partition and lag', () => {
    expect(names(120)).toEqual(['partition', 'end', 'committed', 'lake', 'lag', 'behind', 'in', 'out', 'drain']);
    expect(names(100)).not.toContain('committed');
    expect(names(60)).toEqual(['partition', 'lag', 'behind', 'in', 'out', 'drain']);
    expect(names(20)).toEqual(['partition', 'lag']);
    expect(names(1)).toEqual(['partition', 'lag']);
  });

  it('fits at every width that has room for partition and lag', () => {
    for (let width = 18; width <= 250; width += 1) {
      const { columns, historyWidth } = watchLayout(width);
      const line = watchLine(columns, ({ width: cells }) => 'x'.repeat(cells));
      expect(line.length + (historyWidth > 0 ? historyWidth + 2 : 0)).toBeLessThanOrEqual(width);
      if (historyWidth > 0) expect(historyWidth).toBeGreaterThanOrEqual(10);
    }
  });

  it('leaves the history what is over', () => {
    expect(watchLayout(60).historyWidth).toBe(0);
    expect(watchLayout(130).historyWidth).toBeGreaterThan(watchLayout(122).historyWidth);
    expect(watchLayout(400).historyWidth).toBe(60);
  });
});

import { describe, expect, it } from 'vitest';
import { sparkline } from '../../../src/cli/lag/sparkline.js';

describe('sparkline', () => {
  it('is scaled to the highest value shown, the newest at the right', () => {
    expect(sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8, true)).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([800, 100, 50], 2, true)).toBe('█▄');
  });

  it('tells one event from none', () => {
    expect(sparkline([0, 1, 1_000_000], 3, true)).toBe(' ▁█');
    expect(sparkline([0, 0], 2, true)).toBe('  ');
  });

  it('is as wide as asked for while there are few values, and before there is one', () => {
    expect(sparkline([5], 4, true)).toBe('   █');
    expect(sparkline([], 3, true)).toBe('   ');
  });

  it('keeps to ASCII where the terminal has nothing else', () => {
    expect(sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8, false)).toBe('_.-=+*%#');
  });
});

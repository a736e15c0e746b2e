import { describe, expect, it } from 'vitest';
import { wrapText } from '../../src/cli/wrap-text.js';

describe('text on a narrow terminal', () => {
  it('is broken between words, and no word is', () => {
    const text = 'orders event 1\n  2017-07-14  accepted    from shop, 120 bytes, key e481f51cbdc54678b7cc49136f2d6af7';
    const lines = wrapText(text, 40).split('\n');
    expect(lines).toEqual([
      'orders event 1',
      '  2017-07-14  accepted    from shop, 120',
      '      bytes, key',
      '      e481f51cbdc54678b7cc49136f2d6af7',
    ]);
    expect(wrapText(text, 200)).toBe(text);
    const path = `  ${'a'.repeat(60)}`;
    expect(wrapText(path, 40)).toBe(path);
  });
});

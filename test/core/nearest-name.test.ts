import { describe, expect, it } from 'vitest';
import { nearestName } from '../../src/core/nearest-name.js';

describe('nearestName', () => {
  it('finds a mistyped name: a letter missing, doubled, wrong, or two swapped', () => {
    for (const given of ['limt', 'limiit', 'lomit', 'lmiit', 'LIMIT'])
      expect(nearestName(given, ['columns', 'limit', 'sort'])).toBe('limit');
  });

  it('suggests nothing that is far', () => {
    expect(nearestName('frobnicate', ['columns', 'limit'])).toBeUndefined();
    expect(nearestName('x', [])).toBeUndefined();
  });
});

import { describe, expect, it } from 'vitest';
import { driftText } from '../../src/cli/drift-text.js';

const fields = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, n + 1]));

describe('the drift warning', () => {
  it('names ten fields and counts the rest', () => {
    expect(driftText(fields(2))).toBe('f0 (1), f1 (2)');
    expect(driftText(fields(10))).toMatch(/, f9 \(10\)$/);
    expect(driftText(fields(5000))).toMatch(/, f9 \(10\) and 4990 more$/);
  });
});

import { expect, it } from 'vitest';
import { unitText } from '../../src/cli/chart/unit-text.js';
import { counted } from '../../src/cli/counted.js';

it('counts one thing without an s', () => {
  expect([0, 1, 2].map((n) => counted(n, 'file'))).toEqual(['0 files', '1 file', '2 files']);
  expect(counted(1, 'entry', 'entries')).toBe('1 entry');
  expect(counted(3, 'entry', 'entries')).toBe('3 entries');
});

it('gives no sign to what rounds to nothing', () => {
  expect([-0.04, -0, 0.04, -0.06].map((n) => unitText(n, 'percent'))).toEqual(['0.0 %', '0.0 %', '0.0 %', '-0.1 %']);
  expect(unitText(-0.004, 'money')).toBe('R$ 0.00');
});

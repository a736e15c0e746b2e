import { expect, it } from 'vitest';
import { sizeText } from '../../src/cli/size-text.js';

it.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [13_618, '13.6 kB'],
  [645_992, '646.0 kB'],
  [999_960, '1.0 MB'],
  [10_000_000, '10.0 MB'],
  [2_500_000_000, '2.5 GB'],
  [4e12, '4.0 TB'],
])('%d is %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

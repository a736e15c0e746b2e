import { expect, it } from 'vitest';
import { partitionsText } from '../../src/cli/partitions-text.js';

it('names a few partitions, and the ends of many', () => {
  expect(partitionsText([])).toBe('');
  expect(partitionsText(['2017-10', '2017-11'])).toBe('2017-10, 2017-11');
  expect(partitionsText(['2018-01', '2017-12', '2016-09', '2017-01', '2017-02'])).toBe('2016-09 … 2018-01 (5)');
});

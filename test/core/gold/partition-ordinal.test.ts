import { describe, expect, it } from 'vitest';
import { inPartitionRangesSql } from '../../../src/core/gold/partition-ordinal.js';

const month = { column: 'day', transform: 'month' } as const;

describe('inPartitionRangesSql', () => {
  it('joins neighbouring partitions to one range of dates', () => {
    expect(inPartitionRangesSql(month, [574, 573, 576])).toBe(
      `("day" >= DATE '2017-10-01' AND "day" < DATE '2017-12-01') OR ("day" >= DATE '2018-01-01' AND "day" < DATE '2018-02-01')`,
    );
    expect(inPartitionRangesSql({ column: 'day', transform: 'day' }, [-1, 0])).toBe(
      `("day" >= DATE '1969-12-31' AND "day" < DATE '1970-01-02')`,
    );
    expect(inPartitionRangesSql({ column: 'day', transform: 'year' }, [47])).toBe(
      `("day" >= DATE '2017-01-01' AND "day" < DATE '2018-01-01')`,
    );
  });

  it('takes rows without a date where they are asked for, and nothing where nothing is', () => {
    expect(inPartitionRangesSql(month, [null])).toBe('"day" IS NULL');
    expect(inPartitionRangesSql(month, [null, 573])).toBe(
      `("day" >= DATE '2017-10-01' AND "day" < DATE '2017-11-01') OR "day" IS NULL`,
    );
    expect(inPartitionRangesSql(month, [])).toBe('FALSE');
  });
});

import { describe, expect, it } from 'vitest';
import type { Contract } from '../../../src/core/contract/contract.js';
import { partitionRange } from '../../../src/core/quality/partition-range.js';

const contract = (transform: 'day' | 'month' | null, kind: 'timestamp' | 'date' = 'timestamp'): Contract => ({
  dataset: 'orders',
  version: '1',
  description: '',
  owner: null,
  columns: [{ name: 'bought', type: { kind }, required: true, trim: false, description: '' }],
  key: [],
  versionColumn: null,
  partition: transform && { column: 'bought', transform },
  checks: [],
  hash: '',
  path: '',
});

describe('partitionRange', () => {
  it('reads a day', () => {
    expect(partitionRange(contract('day'), '2016-02-29')).toEqual({
      name: '2016-02-29',
      rowsSql: `("bought" >= DATE '2016-02-29' AND "bought" < DATE '2016-03-01')`,
      hintSql: "partition_hint = '2016-02-29'",
      scan: {
        bounds: [
          { column: 'bought', min: BigInt(Date.UTC(2016, 1, 29)) * 1000n, max: BigInt(Date.UTC(2016, 2, 1)) * 1000n - 1n },
        ],
      },
    });
  });

  it('reads a month, of a dataset partitioned by day or by month', () => {
    expect(partitionRange(contract('day'), '2017-12')).toMatchObject({
      rowsSql: `("bought" >= DATE '2017-12-01' AND "bought" < DATE '2018-01-01')`,
      hintSql: "starts_with(partition_hint, '2017-12-')",
    });
    expect(partitionRange(contract('month'), '2017-12').hintSql).toBe("partition_hint = '2017-12'");
  });

  it('bounds a date column in days', () => {
    expect(partitionRange(contract('month', 'date'), '1970-02').scan.bounds).toEqual([{ column: 'bought', min: 31, max: 58 }]);
  });

  it('takes everything of any dataset', () => {
    expect(partitionRange(contract(null), 'all')).toEqual({ name: 'all', rowsSql: 'true', hintSql: 'true', scan: {} });
  });

  it.each([
    ['day', '2017-02-29'],
    ['day', '2017-13'],
    ['day', '2017'],
    ['day', "2017-10-02' OR true"],
    ['day', ''],
    ['month', '2017-10-02'],
    [null, '2017-10'],
  ] as const)('refuses, for a partition by %s, "%s"', (transform, text) => {
    expect(() => partitionRange(contract(transform), text)).toThrow(
      expect.objectContaining({ code: 'KS_USAGE', hint: expect.stringContaining('keystone validate') as string }),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { planCompaction } from '../../../src/core/care/plan-compaction.js';
import { encodeBound } from '../../../src/core/table/single-value.js';
import type { DataFile, TableField } from '../../../src/core/table/table-api.js';

const MB = 1_000_000;
const POLICY = { smallFileBytes: 32 * MB, targetFileBytes: 128 * MB, minFiles: 2, tiered: false };

let made = 0;
const file = (sizeBytes: number, more: Partial<DataFile> = {}): DataFile => ({
  path: `/lake/t/data/f-${made++}.parquet`,
  recordCount: 10,
  sizeBytes,
  partition: {},
  metrics: {},
  specId: 0,
  ...more,
});
const sizes = (groups: ReturnType<typeof planCompaction>): readonly (readonly number[])[] =>
  groups.map((group) => group.files.map(({ sizeBytes }) => sizeBytes / MB));

describe('planCompaction', () => {
  it('merges small files of one partition and one spec, and leaves large files and lonely ones', () => {
    const groups = planCompaction(
      [
        file(1 * MB, { partition: { day: 1 } }),
        file(2 * MB, { partition: { day: 1 } }),
        file(3 * MB, { partition: { day: 2 } }),
        file(40 * MB, { partition: { day: 1 } }),
        file(4 * MB, { partition: { day: 1 }, specId: 1 }),
        file(5 * MB, { partition: { day: 1 }, specId: 1 }),
      ],
      POLICY,
    );
    expect(sizes(groups)).toEqual([
      [1, 2],
      [4, 5],
    ]);
    expect(groups[0]).toMatchObject({ partition: { day: 1 }, specId: 0, recordCount: 20, sizeBytes: 3 * MB });
  });

  it('fills files up to the target, in the order of their names', () => {
    const groups = planCompaction(
      Array.from({ length: 10 }, () => file(30 * MB)),
      POLICY,
    );
    expect(sizes(groups)).toEqual([
      [30, 30, 30, 30],
      [30, 30, 30, 30],
      [30, 30],
    ]);
  });

  it('waits for enough small files', () => {
    const files = Array.from({ length: 7 }, () => file(1 * MB));
    expect(planCompaction(files, { ...POLICY, minFiles: 8 })).toEqual([]);
    expect(planCompaction([...files, file(MB)], { ...POLICY, minFiles: 8 })).toHaveLength(1);
  });

  it('rewrites a row a few times only, however often the policy runs over arriving files', () => {
    const policy = { ...POLICY, minFiles: 8, tiered: true };
    let files: DataFile[] = [];
    let rewrittenBytes = 0;
    let arrivedBytes = 0;
    for (let n = 0; n < 2000; n++) {
      files.push(file(100_000));
      arrivedBytes += 100_000;
      for (const group of planCompaction(files, policy)) {
        const gone = new Set(group.files);
        files = [...files.filter((one) => !gone.has(one)), file(group.sizeBytes)];
        rewrittenBytes += group.sizeBytes;
      }
    }
    expect(rewrittenBytes / arrivedBytes).toBeLessThan(4);
    expect(files.length).toBeLessThan(40);
  });

  it('keeps files apart that hold different single values, and leaves those that hold several', () => {
    const field: TableField = { id: 2, name: 'kafka_partition', type: 'int', required: true };
    const holding = (low: number, high = low): DataFile =>
      file(MB, {
        metrics: {
          lowerBounds: new Map([[2, encodeBound('int', low, 'lower') as Uint8Array]]),
          upperBounds: new Map([[2, encodeBound('int', high, 'upper') as Uint8Array]]),
        },
      });
    const groups = planCompaction([holding(0), holding(1), holding(0), holding(1), holding(0, 1), file(MB)], POLICY, [field]);
    expect(groups.map((group) => group.files.length)).toEqual([2, 2]);
  });
});

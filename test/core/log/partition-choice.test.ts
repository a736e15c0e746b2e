import { describe, expect, it } from 'vitest';
import { murmur2, partitionChooser, partitionOfKey } from '../../../src/core/log/partition-choice.js';

const key = (text: string): Uint8Array => new TextEncoder().encode(text);
const record = (more: { partition?: number; key?: Uint8Array } = {}) => ({ key: null, value: null, headers: [], ...more });

describe('partition choice', () => {
  // From Kafka's own UtilsTest.testMurmur2.
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('hashes %s as Kafka does', (text, hash) => {
    expect(murmur2(key(text))).toBe(hash);
  });

  it('keeps a negative hash within the partitions', () => {
    for (const text of ['21', 'foobar', 'abc', ''])
      for (const partitions of [1, 2, 6, 1000]) {
        const partition = partitionOfKey(key(text), partitions);
        expect(partition).toBeGreaterThanOrEqual(0);
        expect(partition).toBeLessThan(partitions);
      }
  });

  it('takes the chosen partition first, then the key, then each in turn', () => {
    const choose = partitionChooser(3, 4);
    expect(choose(record({ partition: 2, key: key('21') }))).toBe(2);
    expect(choose(record({ key: key('21') }))).toBe(partitionOfKey(key('21'), 3));
    expect([1, 2, 3, 4].map(() => choose(record()))).toEqual([1, 2, 0, 1]);
  });
});

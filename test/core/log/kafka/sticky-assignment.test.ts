import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stickyAssignment, type AssignedMember } from '../../../../src/core/log/kafka/sticky-assignment.js';

const member = (
  memberId: string,
  partitions: readonly number[] = [],
  generation = partitions.length > 0 ? 1 : -1,
): AssignedMember => ({
  memberId,
  owned: { partitions, generation },
});
const shares = (count: number, ...members: readonly AssignedMember[]): Record<string, readonly number[]> =>
  Object.fromEntries(stickyAssignment(count, members));

describe('stickyAssignment', () => {
  test('shares out evenly, and says so to members that get nothing', () => {
    expect(shares(5, member('a'), member('b'))).toEqual({ a: [0, 1, 2], b: [3, 4] });
    expect(shares(1, member('a'), member('b'))).toEqual({ a: [0], b: [] });
  });

  test('takes from who has too many, and leaves the rest where it is', () => {
    expect(shares(6, member('a', [0, 1, 2]), member('b', [3, 4, 5]), member('c'))).toEqual({ a: [0, 1], b: [3, 4], c: [2, 5] });
    expect(shares(6, member('a', [0, 1]), member('c', [2, 5]))).toEqual({ a: [0, 1, 3], c: [2, 4, 5] });
  });

  test('believes the newer of two that claim a partition', () => {
    expect(shares(4, member('a', [0, 1, 2], 3), member('b', [0, 3], 7))).toEqual({ a: [1, 2], b: [0, 3] });
  });

  test('gives each partition to one member, in counts that differ by one at most, and moves none without need', () => {
    const claims = fc.array(fc.tuple(fc.uniqueArray(fc.nat(30)), fc.integer({ min: -1, max: 5 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.nat(24), claims, (count, all) => {
        const members = all.map(([partitions, generation], n) => member(`m${n}`, partitions, generation));
        const assigned = stickyAssignment(count, members);
        expect([...assigned.values()].flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, n) => n));
        const sizes = [...assigned.values()].map((each) => each.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        // Settled: once shared out, sharing again changes nothing.
        const settled = members.map(({ memberId }) => member(memberId, assigned.get(memberId), 9));
        expect(stickyAssignment(count, settled)).toEqual(assigned);
      }),
    );
  });
});

import { expect, it } from 'vitest';
import { type FencedState, checkFence } from '../../../src/core/table/offset-fence.js';

const base: FencedState = { nextOffsets: new Map([['t', new Map([[0, 5]])]]), holes: [], losses: [], fencingToken: 3 };
const range = (partition: number, expectedNext: number, endExclusive: number, topic = 't') => ({
  topic,
  partition,
  expectedNext,
  endExclusive,
});

it('opens for ranges that begin where the table ends, an unknown partition at 0', () => {
  const verdict = checkFence(base, { ranges: [range(0, 5, 9), range(1, 0, 2), range(0, 0, 0, 'u')], fencingToken: 3 });
  expect(verdict.kind === 'open' && verdict.after).toEqual({
    nextOffsets: new Map([
      [
        't',
        new Map([
          [0, 9],
          [1, 2],
        ]),
      ],
      ['u', new Map([[0, 0]])],
    ]),
    holes: [],
    losses: [],
    fencingToken: 3,
  });
  expect(base.nextOffsets.get('t')).toEqual(new Map([[0, 5]]));
});

it.each([
  ['a range behind the table', { ranges: [range(0, 4, 9)] }],
  ['a range ahead of it', { ranges: [range(0, 6, 9)] }],
  ['an empty range at the wrong place', { ranges: [range(0, 4, 4)] }],
  ['one wrong range among right ones', { ranges: [range(0, 5, 9), range(1, 1, 2)] }],
  ['a range that ends before it begins', { ranges: [range(0, 5, 4)] }],
  ['two ranges of one partition that overlap', { ranges: [range(0, 5, 9), range(0, 5, 9)] }],
  ['an older lease', { ranges: [range(0, 5, 9)], fencingToken: 2 }],
])('stays shut for %s', (_, fence) => {
  expect(checkFence(base, fence)).toMatchObject({ kind: 'fenced', reason: expect.stringMatching(/./) });
});

it('lets a newer lease in, and keeps its token', () => {
  const verdict = checkFence(base, { ranges: [], fencingToken: 8 });
  expect(verdict.kind === 'open' && verdict.after.fencingToken).toBe(8);
});

it('joins holes that touch, and keeps the others apart', () => {
  const hole = (from: number, toExclusive: number, partition = 0) => ({ topic: 't', partition, from, toExclusive });
  const verdict = checkFence(
    { ...base, holes: [hole(8, 9), hole(1, 3)] },
    { ranges: [], holes: [hole(3, 4), hole(2, 3), hole(8, 9, 1), hole(6, 6)] },
  );
  expect(verdict.kind === 'open' && verdict.after.holes).toEqual([hole(1, 4), hole(8, 9), hole(8, 9, 1)]);
});

it('keeps what was given up as lost, in the order in which it was, and counts it among the holes', () => {
  const hole = (from: number, toExclusive: number) => ({ topic: 't', partition: 0, from, toExclusive });
  const loss = (from: number, toExclusive: number) => ({
    acceptedAtMs: 1000,
    by: 'ada@night',
    reason: 'retention',
    offsets: [hole(from, toExclusive)],
  });
  const first = checkFence({ ...base, holes: [hole(4, 5)] }, { ranges: [range(0, 5, 9)], loss: loss(5, 9) });
  const after = first.kind === 'open' ? first.after : base;
  expect(after).toMatchObject({ holes: [hole(4, 9)], losses: [loss(5, 9)] });
  const second = checkFence(after, { ranges: [range(0, 9, 12)], loss: loss(9, 12) });
  expect(second.kind === 'open' && second.after.losses).toEqual([loss(5, 9), loss(9, 12)]);
  expect(checkFence(after, { ranges: [range(0, 5, 9)], loss: loss(5, 9) })).toMatchObject({ kind: 'fenced' });
});

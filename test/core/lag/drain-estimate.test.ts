import { describe, expect, it } from 'vitest';
import { estimateDrain, worstDrain, type DrainEstimate } from '../../../src/core/lag/drain-estimate.js';

const rates = (inPerSecond: number, outPerSecond: number, spanSeconds = 30) => ({ inPerSecond, outPerSecond, spanSeconds });

describe('estimateDrain', () => {
  it.each<[string, number, ReturnType<typeof rates> | null, DrainEstimate]>([
    ['nothing waits', 0, rates(50, 50), { kind: 'caught_up' }],
    ['nothing waits, and nothing is known', 0, null, { kind: 'caught_up' }],
    ['only one sample', 9, null, { kind: 'unknown' }],
    ['landed faster than they come', 600, rates(10, 40), { kind: 'draining', seconds: 20 }],
    ['as many as come', 600, rates(40, 40), { kind: 'steady' }],
    ['more come than are landed', 600, rates(41, 40), { kind: 'growing' }],
    ['none landed for long, none come', 600, rates(0, 0), { kind: 'stalled' }],
    ['none landed for long, more come', 600, rates(9, 0), { kind: 'stalled' }],
    ['none landed, but a commit may be on its way', 600, rates(9, 0, 14), { kind: 'unknown' }],
  ])('%s', (_, lagEvents, measured, expected) => {
    expect(estimateDrain(lagEvents, measured, 15)).toEqual(expected);
  });
});

describe('worstDrain', () => {
  it('is the slowest of those that drain', () => {
    expect(worstDrain([{ kind: 'draining', seconds: 3 }, { kind: 'draining', seconds: 40 }, { kind: 'caught_up' }])).toEqual({
      kind: 'draining',
      seconds: 40,
    });
  });

  it('is one that will not end before any that will, whatever the order', () => {
    const mixed: DrainEstimate[] = [
      { kind: 'growing' },
      { kind: 'draining', seconds: 3 },
      { kind: 'stalled' },
      { kind: 'unknown' },
      { kind: 'steady' },
    ];
    expect(worstDrain(mixed)).toEqual({ kind: 'stalled' });
    expect(worstDrain(mixed.toReversed())).toEqual({ kind: 'stalled' });
    expect(worstDrain([])).toEqual({ kind: 'caught_up' });
  });
});

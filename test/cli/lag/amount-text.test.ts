import { describe, expect, it } from 'vitest';
import { drainText, durationText, rateText } from '../../../src/cli/lag/amount-text.js';

describe('amounts in a narrow column', () => {
  it.each([
    [null, '-'],
    [0, '0'],
    [0.01, '0.01'],
    [0.5, '0.5'],
    [42.26, '42.3'],
    [870.4, '870'],
    [12_345, '12.3k'],
    [999_960, '1.0M'],
  ])('rate %s → %s', (perSecond, text) => {
    expect(rateText(perSecond)).toBe(text);
  });

  it.each([
    [0, '0 s'],
    [4.21, '4.2 s'],
    [9.97, '10 s'],
    [59.4, '59 s'],
    [59.6, '1m 00s'],
    [200, '3m 20s'],
    [7_500, '2h 05m'],
    [370_800, '4d 07h'],
  ])('duration %s → %s', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it('says why there is no time to drain', () => {
    expect(drainText({ kind: 'draining', seconds: 90 })).toBe('1m 30s');
    expect(drainText({ kind: 'stalled' })).toBe('stalled');
    expect(drainText({ kind: 'caught_up' })).toBe('-');
  });
});

import { describe, expect, it } from 'vitest';
import { isWithin, parseTimeRange, parseTimeUs } from '../../../src/core/replay/time-range.js';

describe('a range of log time', () => {
  it('reads days and ISO times to the microsecond, as UTC unless they say otherwise', () => {
    const day = Date.UTC(2018, 7, 31) * 1000;
    expect(parseTimeUs('2018-08-31', '--from')).toBe(day);
    expect(parseTimeUs('2018-08-31 00:00:01.000002', '--from')).toBe(day + 1_000_002);
    expect(parseTimeUs('2018-08-31T03:00Z', '--from')).toBe(day + 3 * 3_600_000_000);
    expect(parseTimeUs('2018-08-31T00:00:00-03:00', '--from')).toBe(day + 3 * 3_600_000_000);
  });

  it('leaves its end out', () => {
    const range = parseTimeRange('2018-08-31', '2018-09-01');
    const at = (text: string): boolean => isWithin(range, parseTimeUs(text, ''));
    expect([at('2018-08-30T23:59:59.999999'), at('2018-08-31'), at('2018-08-31T23:59:59.999999'), at('2018-09-01')]).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('refuses what is no time, and a range that ends before it begins', () => {
    for (const text of ['', 'today', '2018-02-30', '2018-08-31T25:00', '31.08.2018', '2018-08', '0:100']) {
      expect(() => parseTimeUs(text, '--from'), text).toThrow(/--from .* is no time/);
    }
    expect(() => parseTimeRange('2018-08-31', '2018-08-31')).toThrow(/is not after/);
  });
});

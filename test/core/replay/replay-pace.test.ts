import { describe, expect, it } from 'vitest';
import type { Contract } from '../../../src/core/contract/contract.js';
import { originalPace, parseRate, parseSpeed, steadyPace, timestampMs } from '../../../src/core/replay/replay-pace.js';
import { plain, recorded } from './replay-events.js';

const orders = { partition: { column: 'at', transform: 'day' } } as unknown as Contract;
const contracts = new Map([['orders', orders]]);

describe('replay pace', () => {
  it('follows the timestamps of plain files at the given speed; a step back and an unreadable one count as none', () => {
    const pace = originalPace(10, contracts);
    const times = ['2017-10-02 10:00:00', '2017-10-02 10:00:10', '2017-10-02 10:00:05', 'broken', null, '2017-10-02T10:00:06Z'];
    expect(times.map((at, n) => pace(plain(n, JSON.stringify({ at }))))).toEqual([0, 1000, 1000, 1000, 1000, 1100]);
  });

  it('follows the log time of recorded events, whatever their payload says', () => {
    const pace = originalPace(60, contracts);
    expect([0, 60_000, 30_000, 90_000].map((ms, n) => pace(recorded(n, ms, { dataset: 'unknown' })))).toEqual([
      0, 1000, 1000, 2000,
    ]);
  });

  it('is steady by the number of events', () => {
    const pace = steadyPace(10);
    expect([0, 1, 2].map((n) => pace(recorded(n, 0)))).toEqual([0, 100, 200]);
  });

  it('refuses a dataset without a partition timestamp', () => {
    expect(() => originalPace(1, contracts)(plain(0, '{}', 'customers'))).toThrow(/no partition timestamp/);
  });

  it('reads rates, speeds and timestamps, and names what it cannot read', () => {
    expect([parseRate('100'), parseRate('50/s'), parseRate('120/m'), parseSpeed('10x'), parseSpeed('0.5')]).toEqual([
      100, 50, 2, 10, 0.5,
    ]);
    for (const text of ['0', '-1', 'fast', '']) {
      expect(() => parseRate(text)).toThrow(/no rate/);
      expect(() => parseSpeed(text)).toThrow(/no speed/);
    }
    expect(timestampMs('2018-01-01')).toBe(Date.UTC(2018, 0, 1));
    expect(timestampMs('2018-01-01 00:00:01.5')).toBe(Date.UTC(2018, 0, 1) + 1500);
    expect([timestampMs('x'), timestampMs(5), timestampMs('2018-13-01')]).toEqual([null, null, null]);
  });
});

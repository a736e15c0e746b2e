import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import type { Contract } from '../../../src/core/contract/contract.js';
import type { EventSink } from '../../../src/core/ingest/event-sink.js';
import type { FileEvent } from '../../../src/core/ingest/file-event.js';
import { originalPace, parseRate, parseSpeed, steadyPace, timestampMs } from '../../../src/core/ingest/replay-pace.js';
import { sendEvents } from '../../../src/core/ingest/send-events.js';

const orders = { partition: { column: 'at', transform: 'day' } } as unknown as Contract;
const contracts = new Map([['orders', orders]]);
const event = (at: unknown, dataset = 'orders'): FileEvent => ({
  payload: Buffer.from('{}'),
  dataset,
  eventId: 'x',
  source: 'file',
  headers: [],
  valueOf: () => at,
});

/** A clock that only sleeping moves. */
function sleepingClock(): Clock & { readonly sleeps: number[] } {
  let now = 0;
  const sleeps: number[] = [];
  return {
    sleeps,
    nowMs: () => now,
    sleep: async (ms) => {
      sleeps.push(ms);
      now += ms;
    },
  };
}

describe('replay pace', () => {
  it('follows the timestamps at the given speed; a step back and an unreadable one count as none', () => {
    const pace = originalPace(10, contracts);
    const times = ['2017-10-02 10:00:00', '2017-10-02 10:00:10', '2017-10-02 10:00:05', 'broken', null, '2017-10-02T10:00:06Z'];
    expect(times.map((at) => pace(event(at)))).toEqual([0, 1000, 1000, 1000, 1000, 1100]);
  });

  it('refuses a dataset without a partition timestamp', () => {
    expect(() => originalPace(1, contracts)(event('x', 'customers'))).toThrow(/no partition timestamp/);
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

  it('sends what is due, then waits for the rest', async () => {
    const clock = sleepingClock();
    const sent: [number, number][] = [];
    const sink: EventSink = {
      send: async (events) => void sent.push([clock.nowMs(), events.length]),
      flush: async () => undefined,
      close: () => undefined,
    };
    const source = async function* () {
      yield Array.from({ length: 5 }, () => event(null));
    };
    const { signal } = new AbortController();
    const counts = await sendEvents({
      events: source(),
      sink,
      pace: steadyPace(10),
      limit: 4,
      clock,
      progress: () => undefined,
      signal,
      name: 'x',
    });
    expect(sent).toEqual([
      [0, 1],
      [100, 1],
      [200, 1],
      [300, 1],
    ]);
    expect(counts).toMatchObject({ events: 4, bytes: 8, paceMs: 300 });
  });

  it('counts without waiting in a dry run', async () => {
    const clock = sleepingClock();
    const source = async function* () {
      yield [event('2017-01-01 00:00:00'), event('2017-03-01 00:00:00')];
    };
    const { signal } = new AbortController();
    const counts = await sendEvents({
      events: source(),
      sink: null,
      pace: originalPace(1, contracts),
      clock,
      progress: () => undefined,
      signal,
      name: 'x',
    });
    expect(counts).toMatchObject({ events: 2, paceMs: 59 * 86_400_000 });
    expect(clock.sleeps).toEqual([]);
  });
});

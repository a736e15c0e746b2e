import { describe, expect, it } from 'vitest';
import { createClientLimits, type ClientLimitOptions } from '../../../src/core/ingest/client-limits.js';

function limitsAt(options: Partial<ClientLimitOptions>) {
  let nowMs = 1_000_000;
  const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const limits = createClientLimits({
    eventsPerSecond: undefined,
    bytesPerSecond: undefined,
    inFlightBytes: 1000,
    ...options,
    clock,
  });
  const take = (name: string, events: number, bytes: number) => limits.reserve({ name, producer: name }, events, bytes);
  return { take, pass: (ms: number) => void (nowMs += ms) };
}

describe('limits of a client', () => {
  it('hold its mean rate, and say when to come again', () => {
    const { take, pass } = limitsAt({ eventsPerSecond: 10 });
    expect(take('a', 10, 0).kind).toBe('reserved');
    expect(take('a', 1, 0)).toEqual({
      kind: 'exceeded',
      retryAfterMs: 100,
      reason: 'a has reached its limit of 10 events per second; send again in 100 ms',
    });
    expect(take('b', 10, 0).kind).toBe('reserved');
    pass(100);
    expect(take('a', 1, 0).kind).toBe('reserved');
    expect(take('a', 1, 0).kind).toBe('exceeded');
  });

  it('let a batch that is larger than a second pass once, and have it paid for', () => {
    const { take, pass } = limitsAt({ eventsPerSecond: 10 });
    expect(take('a', 50, 0).kind).toBe('reserved');
    expect(take('a', 1, 0)).toMatchObject({ kind: 'exceeded', retryAfterMs: 4100 });
    pass(4100);
    expect(take('a', 1, 0).kind).toBe('reserved');
  });

  it('count bytes, and bytes in flight until they are released', () => {
    const rated = limitsAt({ bytesPerSecond: 100 });
    expect(rated.take('a', 1, 100).kind).toBe('reserved');
    expect(rated.take('a', 1, 50)).toMatchObject({ kind: 'exceeded', retryAfterMs: 500 });

    const { take } = limitsAt({});
    const first = take('a', 1, 900);
    expect(take('a', 1, 200)).toMatchObject({
      kind: 'exceeded',
      reason: expect.stringContaining('1000 bytes in flight') as string,
    });
    expect(take('b', 1, 200).kind).toBe('reserved');
    if (first.kind === 'reserved') first.release();
    expect(take('a', 1, 200).kind).toBe('reserved');
  });

  it('take nothing when the clock is set back', () => {
    const { take, pass } = limitsAt({ eventsPerSecond: 10 });
    expect(take('a', 5, 0).kind).toBe('reserved');
    pass(-60_000);
    expect(take('a', 5, 0).kind).toBe('reserved');
    pass(200);
    expect(take('a', 2, 0).kind).toBe('reserved');
  });
});

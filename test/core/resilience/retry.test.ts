import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { KeystoneError } from '../../../src/core/errors.js';
import { BrokerRefusal } from '../../../src/core/log/kafka/failure.js';
import { retry } from '../../../src/core/resilience/retry.js';
import { RETRY_POLICIES, retryDelayMs } from '../../../src/core/resilience/retry-policy.js';
import { isTransientFailure } from '../../../src/core/resilience/transient-failure.js';

/** Sleeps by moving time on, and remembers how long. */
function sleepingClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  let now = 0;
  return {
    slept,
    nowMs: () => now,
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
    },
  };
}

const away = (): Error => Object.assign(new Error('away'), { code: 'ECONNREFUSED' });

describe('retry', () => {
  it.each([
    ['api', [200, 400]],
    ['db', [100, 200, 400, 800]],
    ['provider', [2000, 4000]],
    ['cdc', [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200]],
    ['upload', [1000, 2000, 4000, 8000]],
  ] as const)('waits as the table says: %s', async (name, waits) => {
    const clock = sleepingClock();
    let tries = 0;
    const failing = retry(
      RETRY_POLICIES[name],
      async () => {
        tries += 1;
        throw away();
      },
      { clock, random: () => 0 },
    );
    await expect(failing).rejects.toThrow('away');
    expect(clock.slept).toEqual(waits);
    expect(tries).toBe(waits.length + 1);
  });

  it('adds at most a tenth at random and never waits longer than the cap', () => {
    const number = (max: number): fc.Arbitrary<number> => fc.double({ min: 0, max, noNaN: true, maxExcluded: true });
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(RETRY_POLICIES)),
        fc.integer({ min: 1, max: 40 }),
        number(1),
        (policy, tried, random) => {
          const [least, wait] = [retryDelayMs(policy, tried, 0), retryDelayMs(policy, tried, random)];
          expect(wait).toBeGreaterThanOrEqual(least);
          expect(wait).toBeLessThanOrEqual(Math.min(least * 1.1, policy.capMs));
        },
      ),
    );
  });

  it('gives the first success, told each wait', async () => {
    const clock = sleepingClock();
    const told: number[] = [];
    const work = async (attempt: number): Promise<number> => {
      if (attempt < 3) throw away();
      return attempt;
    };
    const options = { clock, random: () => 0.5, onRetry: ({ delayMs }: { readonly delayMs: number }) => void told.push(delayMs) };
    expect(await retry(RETRY_POLICIES.api, work, options)).toBe(3);
    expect(told).toEqual([210, 420]);
    expect(clock.slept).toEqual(told);
  });

  it('fails at once on what does not pass by itself', async () => {
    const clock = sleepingClock();
    const failing = retry(RETRY_POLICIES.api, async () => Promise.reject(new Error('no such table')), { clock, random: () => 0 });
    await expect(failing).rejects.toThrow('no such table');
    expect(clock.slept).toEqual([]);
  });

  it('begins no wait that ends after its time, and no try after its signal', async () => {
    const clock = sleepingClock();
    const failing = { clock, random: () => 0 };
    await expect(retry(RETRY_POLICIES.db, async () => Promise.reject(away()), { ...failing, withinMs: 350 })).rejects.toThrow();
    expect(clock.slept).toEqual([100, 200]);
    const stop = new AbortController();
    let tries = 0;
    const work = async (): Promise<never> => {
      tries += 1;
      stop.abort();
      throw away();
    };
    await expect(retry(RETRY_POLICIES.db, work, { ...failing, signal: stop.signal })).rejects.toThrow('away');
    expect(tries).toBe(1);
  });
});

describe('transient failures', () => {
  const failure = (traits: object): Error => Object.assign(new Error('failed'), traits);

  it.each<readonly [object]>([
    [{ code: 'ECONNRESET' }],
    [{ code: 'EAI_AGAIN' }],
    [{ name: 'SlowDown' }],
    [{ name: 'ThrottlingException' }],
    ...[408, 429, 500, 502, 503, 504].map((status) => [{ $metadata: { httpStatusCode: status } }] as const),
    [{ code: 14 }],
    [{ code: '57P01' }],
    [{ code: '08006' }],
    [{ code: '53300' }],
    [{ code: '40001' }],
    [{ retriable: true }],
    [{ errors: [failure({ code: 'ECONNREFUSED' })] }],
    [{ message: 'Connection terminated unexpectedly' }],
    [{ cause: failure({ code: 'ETIMEDOUT' }) }],
  ])('%j may pass', (traits) => {
    expect(isTransientFailure(failure(traits))).toBe(true);
    expect(isTransientFailure(new KeystoneError('KS_STATE', 'wrapped', { cause: failure(traits) }))).toBe(true);
  });

  it.each([
    [{ $metadata: { httpStatusCode: 403 } }],
    [{ $metadata: { httpStatusCode: 412 } }],
    [{ status: 501 }],
    [{ code: 3 }],
    [{ code: '28P01' }],
    [{ code: '42P01' }],
    [{ code: 'ENOSPC' }],
    [{ code: 'SQLITE_CORRUPT' }],
    [{ name: 'AccessDenied' }],
  ])('%j does not', (traits) => {
    expect(isTransientFailure(failure(traits))).toBe(false);
  });

  it('is told of anything thrown, circles of causes included', () => {
    const circle = failure({});
    circle.cause = circle;
    for (const thrown of [undefined, null, 'text', 503, circle]) expect(isTransientFailure(thrown)).toBe(false);
  });

  it("takes Kafka's refusals by what Kafka means, and refused credentials for final", () => {
    expect(isTransientFailure(new BrokerRefusal(6))).toBe(true);
    expect(isTransientFailure(new BrokerRefusal(10))).toBe(false);
    const reset = Object.assign(new Error('handshake'), { code: 'ECONNRESET' });
    expect(isTransientFailure(new KeystoneError('KS_LOG', 'away', { cause: reset }))).toBe(true);
    expect(isTransientFailure(new KeystoneError('KS_CREDENTIALS', 'who are you', { cause: reset }))).toBe(false);
    expect(isTransientFailure(new KeystoneError('KS_CIRCUIT_OPEN', 'open'))).toBe(true);
  });
});

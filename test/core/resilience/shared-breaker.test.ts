import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BreakerState } from '../../../src/core/resilience/breaker-state.js';
import type { BreakerMemory } from '../../../src/core/resilience/breaker-memory.js';
import { sharedBreaker, type SharedBreaker } from '../../../src/core/resilience/shared-breaker.js';
import { openSqliteState } from '../../../src/core/state/sqlite-state.js';
import { handClock } from '../state/state-store.contract.js';
import { tempDir } from '../../support/temp-dir.js';

const away = async (): Promise<never> => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' }));
const answers = async (): Promise<string> => 'answered';

async function processes(count: number) {
  const clock = handClock();
  const file = path.join(await tempDir(), 'state.db');
  const changes: string[] = [];
  const memories = await Promise.all(Array.from({ length: count }, () => openSqliteState({ path: file, clock })));
  onTestFinished(async () => {
    for (const memory of memories) await memory.close();
  });
  const breakerOf = (memory: BreakerMemory, n: number): SharedBreaker =>
    sharedBreaker({
      name: 'broker',
      service: 'kafka at 127.0.0.1:9092',
      memory,
      clock,
      processName: `p${n}`,
      onChange: (from: BreakerState, to: BreakerState) => void changes.push(`p${n}: ${from.kind} → ${to.kind}`),
    });
  return { clock, changes, memories, breakerOf, breakers: memories.map(breakerOf) };
}

describe('a breaker of several processes', () => {
  it('keeps why it opened for all of them, bounded and without secrets, and why a probe failed', async () => {
    const { clock, breakers } = await processes(2);
    const [one, two] = breakers as [SharedBreaker, SharedBreaker];
    const failing = (text: string) => async (): Promise<never> =>
      Promise.reject(Object.assign(new Error(text), { code: 'ECONNREFUSED' }));
    const long = `postgres://ann:hunter22@db:5432 is away\n${'x'.repeat(1000)}`;
    for (let n = 0; n < 5; n++) await expect(one.run(failing(long))).rejects.toThrow();
    const refused = await two.run(answers).catch((error: unknown) => error as Error);
    expect(refused).toMatchObject({ message: expect.stringContaining('postgres://ann:***@db:5432 is away x') as string });
    expect(String(refused)).not.toContain('hunter22');
    expect(String(refused).length).toBeLessThan(600);
    clock.advance(30_000);
    await expect(two.run(failing('still away'))).rejects.toThrow('still away');
    expect(await one.look()).toMatchObject({ kind: 'open', cause: 'probe failed', lastFailure: 'still away' });
  });

  it('opened by the failures of two refuses the calls of a third, and is closed by the probes of whoever comes', async () => {
    const { clock, changes, breakers } = await processes(3);
    const [one, two, three] = breakers as [SharedBreaker, SharedBreaker, SharedBreaker];
    for (const breaker of [one, two, one, two, one]) await expect(breaker.run(away)).rejects.toThrow('away');
    expect(await three.look()).toMatchObject({ kind: 'open', lastFailure: 'away' });
    let called = false;
    const call = async (): Promise<void> => void (called = true);
    await expect(three.run(call)).rejects.toMatchObject({
      code: 'KS_CIRCUIT_OPEN',
      message: expect.stringContaining('"broker" (kafka at 127.0.0.1:9092) is open after failures (the last: away)') as string,
      hint: expect.stringContaining('keystone breaker reset broker') as string,
    });
    expect(called).toBe(false);
    clock.advance(30_000);
    let finish = (): void => undefined;
    const probing = three.run(() => new Promise<void>((resolve) => (finish = resolve)));
    await expect.poll(async () => (await one.look()).kind).toBe('half-open');
    await expect(one.run(answers)).rejects.toMatchObject({ code: 'KS_CIRCUIT_OPEN' });
    finish();
    await probing;
    expect(await one.run(answers)).toBe('answered');
    expect(await two.run(answers)).toBe('answered');
    expect((await three.look()).kind).toBe('closed');
    expect(changes).toEqual(['p0: closed → open', 'p2: open → half-open', 'p1: half-open → closed']);
  });

  it('lets exactly one of many processes probe', async () => {
    const { clock, breakers } = await processes(4);
    for (let n = 0; n < 5; n++) await expect(breakers[0]!.run(away)).rejects.toThrow('away');
    clock.advance(30_000);
    let called = 0;
    let finish = (): void => undefined;
    const over = new Promise<void>((resolve) => (finish = resolve));
    const asked = breakers.map((breaker) =>
      breaker
        .run(async () => {
          called += 1;
          await over;
        })
        .then(
          () => 'called',
          () => 'refused',
        ),
    );
    await expect.poll(() => called).toBe(1);
    setTimeout(finish, 50);
    expect((await Promise.all(asked)).toSorted()).toEqual(['called', 'refused', 'refused', 'refused']);
    expect(called).toBe(1);
  });

  it('takes an answer that refuses for a service that is there', async () => {
    const { breakers } = await processes(1);
    const [breaker] = breakers as [SharedBreaker];
    for (let n = 0; n < 20; n++)
      await expect(breaker.run(async () => Promise.reject(new Error('access denied')))).rejects.toThrow('denied');
    expect((await breaker.look()).kind).toBe('closed');
  });

  it('writes far fewer times than it is called while all is well', async () => {
    const { breakerOf, memories } = await processes(1);
    let writes = 0;
    const memory: BreakerMemory = memories[0]!;
    const counting: BreakerMemory = {
      readBreakers: () => memory.readBreakers(),
      swapBreaker: (breaker) => {
        writes += 1;
        return memory.swapBreaker(breaker);
      },
    };
    const breaker = breakerOf(counting, 9);
    for (let n = 0; n < 500; n++) await breaker.run(answers);
    expect(writes).toBe(0);
    // The successes before a failure count: one of 501 opens nothing, nor do four more.
    for (let n = 0; n < 4; n++) await expect(breaker.run(away)).rejects.toThrow('away');
    expect(await breaker.look()).toMatchObject({ kind: 'closed', slices: [{ successes: 500, failures: 4 }] });
  });

  it('goes on by what it knows while its memory is away', async () => {
    const { clock, breakerOf } = await processes(0);
    const breaker = breakerOf({ readBreakers: away, swapBreaker: away }, 1);
    expect(await breaker.run(answers)).toBe('answered');
    for (let n = 0; n < 5; n++) await expect(breaker.run(away)).rejects.toThrow('away');
    await expect(breaker.run(answers)).rejects.toMatchObject({ code: 'KS_CIRCUIT_OPEN' });
    clock.advance(30_000);
    for (let n = 0; n < 4; n++) expect(await breaker.run(answers)).toBe('answered');
  });
});

/** What every StateStore promises; run against each adapter by its own test. */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import type { Run, StateStore } from '../../../src/core/state/state-store.js';

/** A clock that stands until it is told. */
export function handClock(startMs = 1_000_000): Clock & { advance(ms: number): void } {
  let now = startMs;
  return { nowMs: () => now, sleep: async () => undefined, advance: (ms) => void (now += ms) };
}

/** Opens one more connection to the same, at first empty, store. */
export type OpenState = (clock: Clock) => Promise<StateStore>;

const run = (id: string, more: Partial<Run> = {}): Run => ({
  id,
  command: 'consume run',
  status: 'running',
  startedAtMs: 1,
  endedAtMs: null,
  detail: null,
  ...more,
});

export function stateStoreContract(name: string, open: () => Promise<OpenState>): void {
  describe(`StateStore contract: ${name}`, () => {
    it('gives a lease to one holder at a time', async () => {
      const connect = await open();
      const clock = handClock();
      const [one, two] = [await connect(clock), await connect(clock)];
      const lease = await one.acquireLease('consume/t', 'a', 1000);
      expect(lease).toEqual({
        name: 'consume/t',
        holder: 'a',
        fencingToken: expect.any(Number),
        expiresAtMs: clock.nowMs() + 1000,
      });
      expect(await two.acquireLease('consume/t', 'b', 1000)).toBeNull();
      expect(await two.acquireLease('consume/other', 'b', 1000)).toMatchObject({ holder: 'b' });
      clock.advance(999);
      expect(await two.acquireLease('consume/t', 'b', 1000)).toBeNull();
      expect(await two.readLease('consume/t')).toEqual(lease);
    });

    it('lets another holder in once the lease has expired, under a higher token', async () => {
      const connect = await open();
      const clock = handClock();
      const state = await connect(clock);
      const first = await state.acquireLease('l', 'a', 1000);
      clock.advance(1000);
      expect(await state.readLease('l')).toEqual(first);
      expect(await state.acquireLease('l', 'b', 1000)).toMatchObject({ holder: 'b', fencingToken: first!.fencingToken + 1 });
      expect(await state.acquireLease('l', 'a', 1000)).toBeNull();
    });

    it('keeps the token when the holder asks again, and raises it with every change of holder, release included', async () => {
      const connect = await open();
      const state = await connect(handClock());
      const first = await state.acquireLease('l', 'a', 1000);
      expect((await state.acquireLease('l', 'a', 5000))!.fencingToken).toBe(first!.fencingToken);
      await state.releaseLease(first!);
      expect(await state.readLease('l')).toBeNull();
      const second = await state.acquireLease('l', 'b', 1000);
      expect(second!.fencingToken).toBeGreaterThan(first!.fencingToken);
      await state.releaseLease(second!);
      expect((await state.acquireLease('l', 'b', 1000))!.fencingToken).toBeGreaterThan(second!.fencingToken);
    });

    it('renews a lease that is still held, and gives null after a takeover', async () => {
      const connect = await open();
      const clock = handClock();
      const state = await connect(clock);
      const mine = (await state.acquireLease('l', 'a', 1000))!;
      clock.advance(500);
      expect(await state.renewLease(mine, 1000)).toEqual({ ...mine, expiresAtMs: clock.nowMs() + 1000 });
      clock.advance(5000);
      const theirs = (await state.acquireLease('l', 'b', 1000))!;
      expect(await state.renewLease(mine, 1000)).toBeNull();
      await state.releaseLease(mine);
      expect(await state.readLease('l')).toEqual(theirs);
      clock.advance(5000);
      const back = (await state.acquireLease('l', 'a', 1000))!;
      expect(back.fencingToken).toBeGreaterThan(theirs.fencingToken);
      expect(await state.renewLease(mine, 1000)).toBeNull();
    });

    it('lets exactly one of many win when they ask at once', async () => {
      const connect = await open();
      const clock = handClock();
      const stores = await Promise.all(Array.from({ length: 4 }, () => connect(clock)));
      const leases = await Promise.all(Array.from({ length: 40 }, (_, n) => stores[n % 4]!.acquireLease('l', `h${n}`, 1000)));
      expect(leases.filter((lease) => lease !== null)).toHaveLength(1);
    });

    it('saves a run once by its id, whatever is saved how often', async () => {
      const connect = await open();
      const state = await connect(handClock());
      const detail = { rows: 12, by: [{ table: 'silver.orders', text: "it's ü" }], none: null };
      await state.saveRun(run('r1'));
      await state.saveRun(run('r1', { status: 'succeeded', endedAtMs: 9, detail }));
      await state.saveRun(run('r1', { status: 'succeeded', endedAtMs: 9, detail }));
      expect(await (await connect(handClock())).listRuns({ limit: 10 })).toEqual([
        run('r1', { status: 'succeeded', endedAtMs: 9, detail }),
      ]);
    });

    it('lists runs newest first, by command, up to the limit', async () => {
      const connect = await open();
      const state = await connect(handClock());
      for (const n of [3, 1, 4, 2])
        await state.saveRun(run(`r${n}`, { startedAtMs: n, command: n % 2 ? 'consume run' : 'gold run' }));
      expect((await state.listRuns({ limit: 3 })).map((r) => r.id)).toEqual(['r4', 'r3', 'r2']);
      expect((await state.listRuns({ command: 'consume run', limit: 9 })).map((r) => r.id)).toEqual(['r3', 'r1']);
      expect(await state.listRuns({ command: 'nothing', limit: 9 })).toEqual([]);
    });

    it('changes what is known of a breaker only from the version that its writer saw', async () => {
      const connect = await open();
      const [one, two] = [await connect(handClock()), await connect(handClock())];
      expect(await one.readBreakers()).toEqual([]);
      expect(await one.swapBreaker({ name: 'store', version: 0, state: { kind: 'closed' } })).toBe(true);
      expect(await two.swapBreaker({ name: 'store', version: 0, state: { kind: 'open' } })).toBe(false);
      expect(await two.swapBreaker({ name: 'broker', version: 0, state: ["it's ü", null] })).toBe(true);
      expect(await two.swapBreaker({ name: 'store', version: 1, state: { kind: 'open' } })).toBe(true);
      expect(await one.swapBreaker({ name: 'store', version: 1, state: { kind: 'half-open' } })).toBe(false);
      expect(await one.swapBreaker({ name: 'absent', version: 3, state: 1 })).toBe(false);
      expect(await one.readBreakers()).toEqual([
        { name: 'broker', version: 1, state: ["it's ü", null] },
        { name: 'store', version: 2, state: { kind: 'open' } },
      ]);
    });

    it('loses no change of a breaker when many count in it at once', async () => {
      const connect = await open();
      const stores = await Promise.all(Array.from({ length: 4 }, () => connect(handClock())));
      await stores[0]!.swapBreaker({ name: 'b', version: 0, state: 0 });
      const countTo = async (state: StateStore): Promise<void> => {
        for (let counted = 0; counted < 5;) {
          const [found] = await state.readBreakers();
          if (await state.swapBreaker({ ...found!, state: (found!.state as number) + 1 })) counted++;
        }
      };
      await Promise.all(stores.map(countTo));
      expect((await stores[0]!.readBreakers())[0]).toEqual({ name: 'b', version: 21, state: 20 });
    });

    it('keeps transitions in the order of writing, once by their id', async () => {
      const connect = await open();
      const [one, two] = [await connect(handClock()), await connect(handClock())];
      const change = (id: string, subject: string, atMs: number) => ({
        id,
        subject,
        atMs,
        from: 'closed',
        to: "it's ü",
        detail: { cause: ['tripped', null] },
      });
      await one.addTransition(change('b', 'breaker/store', 9));
      await two.addTransition(change('a', 'breaker/log', 5));
      await two.addTransition(change('b', 'breaker/store', 10));
      await one.addTransition(change('c', 'degradation', 1));
      expect(await two.listTransitions({ limit: 9 })).toEqual([
        change('c', 'degradation', 1),
        change('a', 'breaker/log', 5),
        change('b', 'breaker/store', 9),
      ]);
      const ids = async (filter: Parameters<StateStore['listTransitions']>[0]): Promise<readonly string[]> =>
        (await one.listTransitions(filter)).map(({ id }) => id);
      expect(await ids({ limit: 1 })).toEqual(['c']);
      expect(await ids({ subject: 'breaker/store', limit: 9 })).toEqual(['b']);
      expect(await ids({ subjectPrefix: 'breaker/', limit: 9 })).toEqual(['a', 'b']);
      expect(await ids({ subjectPrefix: 'break%r', limit: 9 })).toEqual([]);
    });

    it('forgets the oldest transitions of a subject, never those of another', async () => {
      const connect = await open();
      const state = await connect(handClock());
      const at = (subject: string, n: number) =>
        state.addTransition({ id: `${subject}${n}`, subject, atMs: n, from: 'a', to: 'b', detail: null });
      await at('quiet', 0);
      for (let n = 0; n < 1010; n++) await at('busy', n);
      expect(await state.listTransitions({ subject: 'busy', limit: 2000 })).toHaveLength(1000);
      expect((await state.listTransitions({ subject: 'quiet', limit: 9 })).map(({ id }) => id)).toEqual(['quiet0']);
    });
  });
}

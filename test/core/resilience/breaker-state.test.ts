import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  askBreaker,
  BREAKER_POLICY as policy,
  breakerState,
  closedBreaker,
  recordOutcomes,
  trippedBreaker,
  type BreakerAnswer,
  type BreakerState,
} from '../../../src/core/resilience/breaker-state.js';

/** A breaker as one caller meets it. */
function breakerAt(startMs = 1_000_000) {
  let state: BreakerState = closedBreaker(startMs);
  let nowMs = startMs;
  return {
    state: () => state,
    wait: (ms: number) => void (nowMs += ms),
    ask: (caller = 'c'): BreakerAnswer => {
      const asked = askBreaker(policy, state, { atMs: nowMs, caller });
      state = asked.state;
      return asked.answer;
    },
    end: (outcome: 'success' | 'failure', caller = 'c', times = 1) => {
      for (let n = 0; n < times; n++) {
        const [successes, failures] = outcome === 'success' ? [1, 0] : [0, 1];
        state = recordOutcomes(policy, state, { atMs: nowMs, caller, successes, failures });
      }
    },
  };
}

describe('circuit breaker', () => {
  it('opens at the fifth failure in a row and refuses for 30 s', () => {
    const breaker = breakerAt();
    breaker.end('failure', 'c', 4);
    expect(breaker.state().kind).toBe('closed');
    breaker.end('failure');
    expect(breaker.state()).toMatchObject({ kind: 'open', cause: 'failures in a row', untilMs: 1_030_000 });
    breaker.wait(29_999);
    expect(breaker.ask()).toEqual({ kind: 'refused', retryAtMs: 1_030_000 });
    breaker.wait(1);
    expect(breaker.ask()).toEqual({ kind: 'probe' });
  });

  it('does not count failures that a success or a minute lies between', () => {
    const breaker = breakerAt();
    breaker.end('success', 'c', 50);
    breaker.end('failure', 'c', 4);
    breaker.end('success');
    breaker.end('failure', 'c', 4);
    expect(breaker.state().kind).toBe('closed');
    breaker.wait(policy.windowMs);
    breaker.end('failure', 'c', 4);
    expect(breaker.state().kind).toBe('closed');
  });

  it('opens when half of at least ten calls of a minute failed', () => {
    const breaker = breakerAt();
    for (let n = 0; n < 4; n++) {
      breaker.end('success');
      breaker.end('failure');
    }
    breaker.end('success');
    expect(breaker.state().kind).toBe('closed');
    breaker.end('failure');
    expect(breaker.state()).toMatchObject({ kind: 'open', cause: 'failure rate' });
  });

  it('forgets calls older than a minute', () => {
    const breaker = breakerAt();
    for (let n = 0; n < 4; n++) {
      breaker.end('failure');
      breaker.end('success');
    }
    breaker.wait(policy.windowMs + 6000);
    breaker.end('success', 'c', 6);
    breaker.end('failure', 'c', 4);
    expect(breaker.state().kind).toBe('closed');
  });

  it('lets one probe through at a time, and closes after three successes', () => {
    const breaker = breakerAt();
    breaker.end('failure', 'c', 5);
    breaker.wait(policy.openMs);
    for (const caller of ['a', 'b', 'd']) {
      expect(breaker.state().kind).not.toBe('closed');
      expect(breaker.ask(caller)).toEqual({ kind: 'probe' });
      expect(breaker.ask('another').kind).toBe('refused');
      breaker.end('success', 'another');
      expect(breaker.ask('another').kind).toBe('refused');
      breaker.end('success', caller);
    }
    expect(breaker.state().kind).toBe('closed');
    expect(breaker.ask()).toEqual({ kind: 'allowed' });
  });

  it('opens anew when a probe fails, and the successes before count no more', () => {
    const breaker = breakerAt();
    breaker.end('failure', 'c', 5);
    breaker.wait(policy.openMs);
    breaker.ask('a');
    breaker.end('success', 'a');
    breaker.ask('b');
    breaker.end('failure', 'b');
    expect(breaker.state()).toMatchObject({ kind: 'open', cause: 'probe failed' });
    breaker.wait(policy.openMs);
    breaker.ask('c');
    expect(breaker.state()).toMatchObject({ kind: 'half-open', successes: 0 });
  });

  it('gives up a probe whose process died, and takes no late word of it', () => {
    const breaker = breakerAt();
    breaker.end('failure', 'c', 5);
    breaker.wait(policy.openMs);
    breaker.ask('dead');
    breaker.wait(policy.probeMs - 1);
    expect(breaker.ask('next').kind).toBe('refused');
    breaker.wait(1);
    expect(breaker.ask('next')).toEqual({ kind: 'probe' });
    breaker.end('failure', 'dead');
    expect(breaker.state()).toMatchObject({ kind: 'half-open', probe: { caller: 'next' } });
  });

  it('stays open for ever when it was tripped by hand', () => {
    const tripped = trippedBreaker(0);
    for (const atMs of [0, 1e9, 1e15]) {
      expect(askBreaker(policy, tripped, { atMs, caller: 'c' })).toEqual({
        state: tripped,
        answer: { kind: 'refused', retryAtMs: null },
      });
    }
  });

  it('waits for no time that a clock far ahead set', () => {
    const ahead = recordOutcomes(policy, closedBreaker(0), { atMs: 1e12, caller: 'c', successes: 0, failures: 5 });
    expect(ahead.kind).toBe('open');
    expect(askBreaker(policy, ahead, { atMs: 5000, caller: 'c' }).answer).toEqual({ kind: 'probe' });
  });
});

/** What callers and time may do. */
type Step =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'call'; readonly caller: string }
  | { readonly kind: 'end'; readonly caller: string; readonly isFailure: boolean };

const caller = fc.constantFrom('a', 'b', 'c');
const ends =
  (isFailure: boolean) =>
  (of: string): readonly Step[] => [
    { kind: 'call', caller: of },
    { kind: 'end', caller: of, isFailure },
  ];
const wait = (ms: fc.Arbitrary<number>): fc.Arbitrary<readonly Step[]> => ms.map((each) => [{ kind: 'wait', ms: each }]);

/** Bursts of failures, mixtures, and waits around the rules' own times: plain chance rarely opens a breaker, and never closes one. */
const steps: fc.Arbitrary<readonly Step[]> = fc
  .array(
    fc.oneof(
      wait(fc.integer({ min: 0, max: 20_000 })),
      wait(fc.constantFrom(policy.openMs - 1, policy.openMs, policy.windowMs, policy.windowMs + 6000)),
      fc.array(caller.map(ends(true)), { maxLength: 6 }).map((each) => each.flat()),
      fc.array(caller.map(ends(false)), { maxLength: 4 }).map((each) => each.flat()),
      fc.array(fc.oneof(caller.map(ends(true)), caller.map(ends(false))), { maxLength: 14 }).map((each) => each.flat()),
      caller.map((of): readonly Step[] => [{ kind: 'call', caller: of }]),
      // A call that began before it opened ends while another is the probe.
      fc
        .boolean()
        .map((isFailure): readonly Step[] => [
          { kind: 'call', caller: 'b' },
          ...Array.from({ length: policy.failuresInARow }, () => ends(true)('a')).flat(),
          { kind: 'wait', ms: policy.openMs },
          { kind: 'call', caller: 'c' },
          { kind: 'end', caller: 'b', isFailure },
        ]),
      fc.tuple(caller, fc.boolean()).map(([of, isFailure]): readonly Step[] => [{ kind: 'end', caller: of, isFailure }]),
    ),
    { maxLength: 30 },
  )
  .map((each) => each.flat());

/**
 * The rules said again over the whole history instead of slices and counters. A call's end is what opens a closed breaker; the window's
 * rate is compared only as far as slices can tell it: certainly within, or certainly outside.
 */
class Model {
  readonly ends: { readonly atMs: number; readonly isFailure: boolean }[] = [];
  kind: 'closed' | 'open' | 'half-open' = 'closed';
  openedMs = 0;
  probe: { readonly caller: string; readonly sinceMs: number } | null = null;
  proved = 0;

  /** Failures up to now without a success between them, each within a window of the next. */
  row(): number {
    let found = 0;
    for (let at = this.ends.length - 1; at >= 0 && this.ends[at]!.isFailure; at--) {
      const next = this.ends[at + 1];
      if (next && next.atMs - this.ends[at]!.atMs >= policy.windowMs) break;
      found += 1;
    }
    return found;
  }

  calls(nowMs: number, withinMs: number): { readonly all: number; readonly failed: number } {
    const seen = this.ends.filter(({ atMs }) => nowMs - atMs < withinMs);
    return { all: seen.length, failed: seen.filter(({ isFailure }) => isFailure).length };
  }
}

describe('circuit breaker, against its rules over the whole history', () => {
  it('answers and changes as they say, whatever happens in which order', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const sliceMs = policy.windowMs / 10;
        const model = new Model();
        let state: BreakerState = closedBreaker(0);
        let nowMs = 0;
        const calling = new Set<string>();
        for (const each of all) {
          if (each.kind === 'wait') nowMs += each.ms;
          else if (each.kind === 'call') {
            const { state: next, answer } = askBreaker(policy, state, { atMs: nowMs, caller: each.caller });
            state = next;
            const mayProbe =
              (model.kind === 'open' && nowMs - model.openedMs >= policy.openMs) ||
              (model.kind === 'half-open' && (!model.probe || nowMs - model.probe.sinceMs >= policy.probeMs));
            expect(answer.kind).toBe(model.kind === 'closed' ? 'allowed' : mayProbe ? 'probe' : 'refused');
            if (answer.kind === 'probe') {
              if (model.kind === 'open') model.proved = 0;
              model.kind = 'half-open';
              model.probe = { caller: each.caller, sinceMs: nowMs };
            }
            if (answer.kind !== 'refused') calling.add(each.caller);
          } else if (calling.delete(each.caller)) {
            const { isFailure } = each;
            state = recordOutcomes(policy, state, {
              atMs: nowMs,
              caller: each.caller,
              successes: isFailure ? 0 : 1,
              failures: isFailure ? 1 : 0,
            });
            if (model.kind === 'half-open' && model.probe?.caller === each.caller) {
              model.probe = null;
              if (isFailure) [model.kind, model.openedMs] = ['open', nowMs];
              else if ((model.proved += 1) >= policy.successesToClose) {
                model.kind = 'closed';
                model.ends.length = 0;
              }
            } else if (model.kind === 'closed') {
              model.ends.push({ atMs: nowMs, isFailure });
              const rates = [policy.windowMs - sliceMs, policy.windowMs].map((withinMs) => {
                const { all, failed } = model.calls(nowMs, withinMs);
                return all >= policy.leastCalls && failed / all >= policy.failureRate;
              });
              const must = isFailure && model.row() >= policy.failuresInARow;
              const may = isFailure && (rates[0] === true || rates[1] === true || state.kind === 'open');
              if (must) expect(state.kind).toBe('open');
              else if (isFailure && rates[0] && rates[1] && sameCalls(model, nowMs, sliceMs)) expect(state.kind).toBe('open');
              else if (!may) expect(state.kind).toBe('closed');
              if (state.kind === 'open') {
                model.kind = 'open';
                model.openedMs = nowMs;
                // Never opened for less than the rules ask for.
                if (!must) expect(model.calls(nowMs, policy.windowMs).all).toBeGreaterThanOrEqual(policy.leastCalls);
              }
            }
          }
          expect(state.kind).toBe(model.kind);
          expect(breakerState.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

/** No call lies where the slices' edge could put it on either side. */
const sameCalls = (model: Model, nowMs: number, sliceMs: number): boolean =>
  model.calls(nowMs, policy.windowMs - sliceMs).all === model.calls(nowMs, policy.windowMs).all;

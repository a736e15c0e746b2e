import { describe, expect, it } from 'vitest';
import {
  askBreaker,
  BREAKER_POLICY,
  closedBreaker,
  recordOutcomes,
  trippedBreaker,
  type BreakerState,
} from '../../../src/core/resilience/breaker-state.js';
import {
  ALLOWANCES,
  allowanceAt,
  happensNow,
  degradationOf,
  LEVELS,
  RECOVERY_MS,
  type Degradation,
  type SetLevel,
  type Signal,
} from '../../../src/core/resilience/degradation.js';
import { requireAllowed } from '../../../src/core/resilience/require-allowed.js';

const NOW = 10_000_000;
const open = trippedBreaker(NOW - 1000);

const at = (
  breakers: Readonly<Record<string, BreakerState>>,
  { set = null, signals = [], atMs = NOW }: { set?: SetLevel | null; signals?: readonly Signal[]; atMs?: number } = {},
): Degradation => degradationOf({ breakers: new Map(Object.entries(breakers)), set, signals, atMs });

/** Open, probed and closed again. */
function recovered(atMs: number): BreakerState {
  let state: BreakerState = { kind: 'open', sinceMs: atMs - 30_000, untilMs: atMs, cause: 'failure rate', lastFailure: null };
  for (let probe = 0; probe < BREAKER_POLICY.successesToClose; probe++) {
    state = askBreaker(BREAKER_POLICY, state, { atMs, caller: 'c' }).state;
    state = recordOutcomes(BREAKER_POLICY, state, { atMs, caller: 'c', successes: 1, failures: 0 });
  }
  return state;
}

describe('the level of degradation', () => {
  it.each([
    [[], 'full'],
    [['engine'], 'reduced'],
    [['catalog'], 'minimal'],
    [['state'], 'minimal'],
    [['store'], 'buffer-only'],
    [['log'], 'buffer-only'],
    [['engine', 'catalog'], 'minimal'],
    [['engine', 'log'], 'buffer-only'],
    [['alert/slack'], 'full'],
  ] as const)('with %j away is %s', (away, level) => {
    const reading = at({ fine: closedBreaker(0), ...Object.fromEntries(away.map((name) => [name, open])) });
    expect(reading).toMatchObject({ level, mode: 'automatic', automatic: level });
    expect(reading.causes).toHaveLength(level === 'full' ? 0 : away.length);
  });

  it('trusts a service that came back only after a while, and a new one at once', () => {
    const store = recovered(NOW);
    expect(store).toMatchObject({ kind: 'closed', recovered: true });
    expect(at({ store }).level).toBe('buffer-only');
    expect(at({ store }, { atMs: NOW + RECOVERY_MS - 1 }).level).toBe('buffer-only');
    expect(at({ store }, { atMs: NOW + RECOVERY_MS }).level).toBe('full');
    expect(at({ store: closedBreaker(NOW) }).level).toBe('full');
  });

  it('is reduced while a service answers slowly, but for an engine, whose queries may take long', () => {
    const slow = recordOutcomes(BREAKER_POLICY, closedBreaker(NOW), {
      atMs: NOW,
      caller: 'c',
      successes: 10,
      failures: 0,
      busyMs: 60_000,
    });
    expect(at({ store: slow })).toMatchObject({ level: 'reduced', causes: ['store is slow (6000 ms a call)'] });
    expect(at({ engine: slow }).level).toBe('full');
    expect(at({ store: slow }, { atMs: NOW + 120_000 }).level).toBe('full');
  });

  it('follows what processes report, until that is over', () => {
    const signal = (name: Signal['name']): Signal => ({ name, untilMs: NOW + 1, reason: 'spilling', by: 'host/1' });
    expect(at({}, { signals: [signal('latency')] }).level).toBe('reduced');
    const minimal = at({}, { signals: [signal('compute')] });
    expect(minimal).toMatchObject({ level: 'minimal', causes: ['compute is exhausted, says host/1: spilling'] });
    expect(at({}, { signals: [signal('compute')], atMs: NOW + 1 }).level).toBe('full');
  });

  it('is what a person set, until that ends; the level that follows by itself is told beside it', () => {
    const set: SetLevel = { level: 'reduced', untilMs: NOW + 1000, reason: 'a drill', by: 'ann' };
    expect(at({ log: open }, { set })).toMatchObject({ level: 'reduced', mode: 'manual', automatic: 'buffer-only' });
    expect(at({ log: open }, { set }).causes[0]).toBe('set by ann: a drill');
    expect(at({ log: open }, { set, atMs: NOW + 1000 })).toMatchObject({ level: 'buffer-only', mode: 'automatic' });
  });

  it('takes a breaker that nobody asked any more for no word on its service: work that waits might be the only one to ask', () => {
    const state: BreakerState = { kind: 'open', sinceMs: NOW - 30_000, untilMs: NOW, cause: 'failure rate', lastFailure: null };
    expect(at({ store: state }, { atMs: NOW + 29_999 }).level).toBe('buffer-only');
    expect(at({ store: state }, { atMs: NOW + 30_000 }).level).toBe('full');
    const tried: BreakerState = {
      kind: 'half-open',
      sinceMs: NOW - 1000,
      successes: 1,
      lastFailure: null,
      probe: { caller: 'c', sinceMs: NOW },
    };
    expect(at({ store: tried }, { atMs: NOW + 59_999 }).level).toBe('buffer-only');
    expect(at({ store: tried }, { atMs: NOW + 60_000 }).level).toBe('full');
    expect(at({ store: open }, { atMs: NOW + 1e9 }).level).toBe('buffer-only');
  });

  it('leaves less of everything from level to level, and never stops accepting', () => {
    for (const [activity, allowed] of Object.entries(ALLOWANCES)) {
      const firstOff = allowed.findIndex((left) => left === 'off');
      if (activity === 'ingestion') expect(firstOff).toBe(-1);
      else expect(allowed.slice(firstOff).every((left) => left === 'off')).toBe(true);
      expect(LEVELS.every((level, n) => allowanceAt(level, activity as keyof typeof ALLOWANCES) === allowed[n])).toBe(true);
    }
  });

  it('says what really happens: by itself no level stops landing, a level that was set does', () => {
    const away = at({ store: open });
    expect(away).toMatchObject({ level: 'buffer-only', mode: 'automatic' });
    expect(happensNow(away, 'landing')).toMatchObject({ now: 'tries', note: expect.stringContaining('as soon as') });
    expect(happensNow(away, 'derivation').now).toBe('off');
    expect(happensNow({ level: 'buffer-only', mode: 'manual' }, 'landing').now).toBe('off');
    expect(happensNow({ level: 'minimal', mode: 'manual' }, 'landing')).toEqual({ now: 'on', note: '' });
    expect(happensNow(away, 'ingestion')).toEqual({ now: 'buffer', note: '' });
  });

  it('refuses work that it does not allow with the reason, and lets through what is forced or unknown', () => {
    const reading = at({ catalog: open });
    expect(() => requireAllowed(reading, 'gold', 'gold is not built')).toThrow(
      expect.objectContaining({
        code: 'KS_DEGRADED',
        message: 'gold is not built: the level of degradation is minimal (catalog was tripped by hand)',
        hint: expect.stringContaining('keystone degrade status'),
      }),
    );
    requireAllowed(reading, 'gold', 'gold is not built', { force: true });
    requireAllowed(reading, 'landing', 'nothing lands');
    requireAllowed(null, 'gold', 'gold is not built');
  });
});

/**
 * How much of its work the system does while something is away, as one level for all processes: the less is left, the more is put off, and
 * accepting events is put off last. A level follows from the breakers and from what processes report, or was set by a person.
 */
import { BREAKER_POLICY, breakerCalls, type BreakerState } from './breaker-state.js';

/** From all of the work to the least. */
export const LEVELS = ['full', 'reduced', 'minimal', 'buffer-only'] as const;
export type Level = (typeof LEVELS)[number];

/**
 * What each level leaves of each activity; the columns are `LEVELS`. Ingestion never stops: `through` goes to the log with nothing done to
 * an event that could wait, `buffer` into the local spool. Validation runs all checks, those of error level (`core`), or those that look at
 * no more than one column (`basic`). What is `off` is refused or waits, and is done later from what was kept.
 */
export const ALLOWANCES = {
  ingestion: ['full', 'full', 'through', 'buffer'],
  landing: ['on', 'on', 'on', 'off'],
  derivation: ['on', 'on', 'off', 'off'],
  validation: ['full', 'core', 'basic', 'off'],
  gold: ['on', 'on', 'off', 'off'],
  care: ['on', 'off', 'off', 'off'],
} as const satisfies Readonly<Record<string, readonly [string, string, string, string]>>;

export type Activity = keyof typeof ALLOWANCES;

/** What is left of the activity. */
export const allowanceAt = <A extends Activity>(level: Level, activity: A): (typeof ALLOWANCES)[A][number] =>
  ALLOWANCES[activity][LEVELS.indexOf(level)]!;

/**
 * What really happens with an activity: at a level that follows by itself, consumers go on trying, because their tries are what finds out that
 * a service is back; only a level that a person set stops them.
 */
export function happensNow(
  { level, mode }: Pick<Degradation, 'level' | 'mode'>,
  activity: Activity,
): { readonly now: string; readonly note: string } {
  const now = allowanceAt(level, activity);
  if (now !== 'off') return { now, note: '' };
  if (mode === 'manual') return { now, note: activity === 'care' ? '' : 'refused or waits until keystone degrade auto' };
  if (activity === 'landing')
    return { now: 'tries', note: 'consume run lands as soon as the services answer; degrade set buffer-only stops it' };
  if (activity === 'derivation') return { now, note: 'consume run --until-caught-up tries it all the same' };
  return { now, note: '' };
}

/** Set by a person; holds over everything that follows by itself. */
export interface SetLevel {
  readonly level: Level;
  /** Null: until it is taken back. */
  readonly untilMs: number | null;
  readonly reason: string | null;
  readonly by: string;
}

/** What a process says about itself that no breaker can know. */
export interface Signal {
  readonly name: SignalName;
  readonly untilMs: number;
  readonly reason: string | null;
  readonly by: string;
}

export const SIGNALS = ['latency', 'compute'] as const;
export type SignalName = (typeof SIGNALS)[number];

export interface Degradation {
  readonly level: Level;
  readonly mode: 'automatic' | 'manual';
  /** Why, in words, e.g. `store is open`; of a level that was set: who and why. */
  readonly causes: readonly string[];
  /** Services that are away, or were a moment ago. */
  readonly away: readonly string[];
  /** The level that follows by itself, whatever was set. */
  readonly automatic: Level;
  /** Of a level that was set for some time. */
  readonly untilMs: number | null;
}

export const NOT_DEGRADED: Degradation = {
  level: 'full',
  mode: 'automatic',
  causes: [],
  away: [],
  automatic: 'full',
  untilMs: null,
};

/** A service that has just come back is trusted only after this time, so that the level does not swing with it. */
export const RECOVERY_MS = 60_000;
/** The mean of a minute's calls above which a service counts as slow; queries may take as long as they need. */
const SLOW_MS = 5000;

/** What follows when one service is away. More than one: at least minimal. */
const ALONE: Readonly<Record<string, Level>> = {
  engine: 'reduced',
  catalog: 'minimal',
  state: 'minimal',
  store: 'buffer-only',
  log: 'buffer-only',
};

export interface DegradationFacts {
  readonly breakers: ReadonlyMap<string, BreakerState>;
  readonly signals: readonly Signal[];
  readonly set: SetLevel | null;
  readonly atMs: number;
}

export function degradationOf({ breakers, signals, set, atMs }: DegradationFacts): Degradation {
  const causes: string[] = [];
  let automatic: Level = 'full';
  const because = (level: Level, cause: string): void => {
    automatic = worse(automatic, level);
    causes.push(cause);
  };
  const away = [...breakers].flatMap(([name, state]) => {
    const why = whyAway(state, atMs);
    return name in ALONE && why !== null ? [{ name, why }] : [];
  });
  for (const { name, why } of away) because(ALONE[name]!, `${name} ${why}`);
  const names = away.map(({ name }) => name);
  if (away.length > 1) automatic = worse(automatic, 'minimal');
  for (const [name, state] of breakers) {
    const { calls, busyMs } = breakerCalls(BREAKER_POLICY, state, atMs);
    if (name !== 'engine' && name in ALONE && calls >= BREAKER_POLICY.leastCalls && busyMs / calls >= SLOW_MS)
      because('reduced', `${name} is slow (${Math.round(busyMs / calls)} ms a call)`);
  }
  for (const { name, untilMs, reason, by } of signals) {
    if (atMs >= untilMs) continue;
    because(
      name === 'compute' ? 'minimal' : 'reduced',
      `${SIGNAL_WORDS[name]}, says ${by}${reason === null ? '' : `: ${reason}`}`,
    );
  }
  if (set === null || (set.untilMs !== null && atMs >= set.untilMs))
    return { level: automatic, mode: 'automatic', causes, away: names, automatic, untilMs: null };
  const why = `set by ${set.by}${set.reason === null ? '' : `: ${set.reason}`}`;
  return { level: set.level, mode: 'manual', causes: [why, ...causes], away: names, automatic, untilMs: set.untilMs };
}

const SIGNAL_WORDS: Readonly<Record<SignalName, string>> = {
  latency: 'latency is high',
  compute: 'compute is exhausted',
};

/**
 * A breaker that nobody asked for a while after its probe was due says nothing of its service any more. Without this end, work that the level
 * holds back could be the only one that would ever have probed.
 */
const OVERDUE_MS = 30_000;

function whyAway(state: BreakerState, atMs: number): string | null {
  if (state.kind === 'open') {
    if (state.untilMs === null) return 'was tripped by hand';
    return atMs < state.untilMs + OVERDUE_MS ? 'is away' : null;
  }
  if (state.kind === 'half-open') {
    const lastMs = state.probe?.sinceMs ?? state.sinceMs;
    return atMs < lastMs + BREAKER_POLICY.probeMs + OVERDUE_MS ? 'is being tried again' : null;
  }
  const closedForMs = atMs - state.sinceMs;
  return state.recovered && closedForMs >= 0 && closedForMs < RECOVERY_MS ? 'came back a moment ago' : null;
}

const worse = (one: Level, other: Level): Level => (LEVELS.indexOf(one) >= LEVELS.indexOf(other) ? one : other);

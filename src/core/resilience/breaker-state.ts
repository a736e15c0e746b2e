/**
 * A circuit breaker as data: closed (calls go through), open (they are refused at once), half-open (one probe at a time). Every change is
 * a function of the state before and an instant, so that several processes can share one by comparing and swapping it.
 */
import { z } from 'zod';

/** The numbers of one breaker. */
export interface BreakerPolicy {
  /** Failures without a success between them that open it, none older than the window. */
  readonly failuresInARow: number;
  /** Share of the window's calls that opens it … */
  readonly failureRate: number;
  /** … once there were this many: one failure of two calls says nothing. */
  readonly leastCalls: number;
  readonly windowMs: number;
  /** How long it refuses before it lets a probe through. */
  readonly openMs: number;
  /** Probes in a row that close it. */
  readonly successesToClose: number;
  /** A probe that has told nothing for this long is given up: its process may be dead. */
  readonly probeMs: number;
}

export const BREAKER_POLICY: BreakerPolicy = {
  failuresInARow: 5,
  failureRate: 0.5,
  leastCalls: 10,
  windowMs: 60_000,
  openMs: 30_000,
  successesToClose: 3,
  probeMs: 30_000,
};

/** The window moves in steps of a tenth. */
const SLICES = 10;

/** The failure that a breaker met last, in words without secrets; null: nobody said. */
const failureText = z.string().nullable().default(null);

const instant = z.number();
const count = z.number().int().nonnegative();

/** As it is stored; times are milliseconds since the epoch. */
export const breakerState = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('closed'),
    sinceMs: instant,
    /** Calls of the window by slice, oldest first; `busyMs` is how long they took together. */
    slices: z.array(z.object({ startMs: instant, successes: count, failures: count, busyMs: z.number().default(0) })),
    failuresInARow: count,
    /** Closed by its probes, not new: whoever is careful waits a little before trusting the service again. */
    recovered: z.boolean().default(false),
    lastFailureMs: instant.nullable(),
  }),
  z.object({
    kind: z.literal('open'),
    sinceMs: instant,
    /** Null: until it is reset, because somebody tripped it. */
    untilMs: instant.nullable(),
    cause: z.enum(['failures in a row', 'failure rate', 'probe failed', 'tripped']),
    lastFailure: failureText,
  }),
  z.object({
    kind: z.literal('half-open'),
    sinceMs: instant,
    successes: count,
    lastFailure: failureText,
    /** Who may call right now; nobody else may. */
    probe: z.object({ caller: z.string(), sinceMs: instant }).nullable(),
  }),
]);

export type BreakerState = z.output<typeof breakerState>;

/** Whether a call may be made; a refused one may be tried again at `retryAtMs` (null: after a reset). */
export type BreakerAnswer =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'probe' }
  | { readonly kind: 'refused'; readonly retryAtMs: number | null };

/** What came of calls; of a probe, the one of its caller. */
export interface CallOutcomes {
  readonly atMs: number;
  readonly caller: string;
  readonly successes: number;
  readonly failures: number;
  /** Together; 0 when nobody measured. */
  readonly busyMs?: number;
  /** Why the last of the failures failed. */
  readonly failure?: string | undefined;
}

export const closedBreaker = (atMs: number, recovered = false): BreakerState => ({
  kind: 'closed',
  sinceMs: atMs,
  recovered,
  slices: [],
  failuresInARow: 0,
  lastFailureMs: null,
});

/** Open until it is reset. */
export const trippedBreaker = (atMs: number): BreakerState => ({
  kind: 'open',
  sinceMs: atMs,
  untilMs: null,
  cause: 'tripped',
  lastFailure: null,
});

/** `caller` names one call: only its outcome counts while it is the probe. */
export function askBreaker(
  policy: BreakerPolicy,
  state: BreakerState,
  { atMs, caller }: { readonly atMs: number; readonly caller: string },
): { readonly state: BreakerState; readonly answer: BreakerAnswer } {
  if (state.kind === 'closed') return { state, answer: { kind: 'allowed' } };
  const probe = { caller, sinceMs: atMs };
  if (state.kind === 'open') {
    if (state.untilMs === null || !isPast(state.untilMs, atMs, policy.openMs))
      return { state, answer: { kind: 'refused', retryAtMs: state.untilMs } };
    return {
      state: { kind: 'half-open', sinceMs: atMs, successes: 0, lastFailure: state.lastFailure, probe },
      answer: { kind: 'probe' },
    };
  }
  if (state.probe !== null && !isPast(state.probe.sinceMs + policy.probeMs, atMs, policy.probeMs))
    return { state, answer: { kind: 'refused', retryAtMs: state.probe.sinceMs + policy.probeMs } };
  return { state: { ...state, probe }, answer: { kind: 'probe' } };
}

/** A time further away than it was ever set tells of a clock that jumped: nobody waits for it. */
const isPast = (untilMs: number, atMs: number, longestMs: number): boolean => atMs >= untilMs || untilMs - atMs > longestMs;

/** The state after calls ended. Those that began before it opened, or are no longer the probe, change nothing. */
export function recordOutcomes(policy: BreakerPolicy, state: BreakerState, outcomes: CallOutcomes): BreakerState {
  const { atMs, caller, successes, failures } = outcomes;
  switch (state.kind) {
    case 'open':
      return state;
    case 'half-open': {
      if (state.probe?.caller !== caller || successes + failures === 0) return state;
      if (failures > 0) return opened(policy, outcomes, 'probe failed', state.lastFailure);
      const proved = state.successes + 1;
      return proved >= policy.successesToClose ? closedBreaker(atMs, true) : { ...state, successes: proved, probe: null };
    }
    case 'closed':
      return counted(policy, state, outcomes);
  }
}

type Closed = Extract<BreakerState, { kind: 'closed' }>;

function counted(policy: BreakerPolicy, state: Closed, outcomes: CallOutcomes): BreakerState {
  const { atMs, successes, failures, busyMs = 0 } = outcomes;
  const sliceMs = policy.windowMs / SLICES;
  const startMs = Math.floor(atMs / sliceMs) * sliceMs;
  const inWindow = state.slices.filter((slice) => slice.startMs > startMs - policy.windowMs && slice.startMs <= startMs);
  const last = inWindow.at(-1);
  const current = last?.startMs === startMs ? last : { startMs, successes: 0, failures: 0, busyMs: 0 };
  const slices = [
    ...inWindow.filter((slice) => slice.startMs !== startMs),
    {
      startMs,
      successes: current.successes + successes,
      failures: current.failures + failures,
      busyMs: current.busyMs + busyMs,
    },
  ];
  const isRow = successes === 0 && state.lastFailureMs !== null && Math.abs(atMs - state.lastFailureMs) < policy.windowMs;
  const row = (isRow ? state.failuresInARow : 0) + failures;
  if (failures > 0 && row >= policy.failuresInARow) return opened(policy, outcomes, 'failures in a row');
  const { calls, failed } = callsIn(slices);
  if (failures > 0 && calls >= policy.leastCalls && failed / calls >= policy.failureRate)
    return opened(policy, outcomes, 'failure rate');
  return {
    ...state,
    slices,
    failuresInARow: row,
    lastFailureMs: failures > 0 ? atMs : successes > 0 ? null : state.lastFailureMs,
  };
}

const opened = (
  policy: BreakerPolicy,
  { atMs, failure }: CallOutcomes,
  cause: Extract<BreakerState, { kind: 'open' }>['cause'],
  before: string | null = null,
): BreakerState => ({
  kind: 'open',
  sinceMs: atMs,
  untilMs: atMs + policy.openMs,
  cause,
  lastFailure: failure ?? before,
});

/** Calls that a closed breaker remembers at `atMs`: those of its window. */
export function breakerCalls(policy: BreakerPolicy, state: BreakerState, atMs: number): BreakerCalls {
  if (state.kind !== 'closed') return { calls: 0, failed: 0, busyMs: 0 };
  return callsIn(state.slices.filter(({ startMs }) => startMs > atMs - policy.windowMs && startMs <= atMs));
}

export interface BreakerCalls {
  readonly calls: number;
  readonly failed: number;
  /** Together. */
  readonly busyMs: number;
}

function callsIn(slices: Closed['slices']): BreakerCalls {
  let [calls, failed, busyMs] = [0, 0, 0];
  for (const slice of slices) {
    calls += slice.successes + slice.failures;
    failed += slice.failures;
    busyMs += slice.busyMs;
  }
  return { calls, failed, busyMs };
}

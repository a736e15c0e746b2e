/**
 * One circuit breaker that several processes share: what opens it here refuses calls there. The state lives behind a small port; while
 * that is away, each process goes on with what it knows, because a breaker must not fail what it guards.
 */
import type { Clock } from '../clock.js';
import { KeystoneError, messageOf } from '../errors.js';
import { redactText } from '../logging/redaction.js';
import type { BreakerMemory } from './breaker-memory.js';
import {
  askBreaker,
  BREAKER_POLICY,
  breakerState,
  closedBreaker,
  recordOutcomes,
  type BreakerAnswer,
  type BreakerPolicy,
  type BreakerState,
} from './breaker-state.js';
import { isTransientFailure } from './transient-failure.js';

export interface SharedBreakerOptions {
  readonly name: string;
  /** What stands behind it, e.g. `kafka at 127.0.0.1:9092`. */
  readonly service?: string;
  readonly memory: BreakerMemory;
  readonly clock: Clock;
  /** Names this process among all. */
  readonly processName: string;
  readonly policy?: BreakerPolicy;
  /** What counts as a failure of the service; other errors say that it answered. */
  readonly isFailure?: (error: unknown) => boolean;
  /**
   * A call that has not answered after this long, and after each such time again, counts as a failure already: what waits patiently behind
   * the breaker would otherwise hide an outage from it. Default: never, because a large upload may rightly take minutes.
   */
  readonly lateMs?: number;
  /** Told what this process has come to know, for gauges. */
  readonly onState?: (state: BreakerState) => void;
  /** Told when this process changed its kind: the log, metrics, an alert. */
  readonly onChange?: (from: BreakerState, to: BreakerState) => void;
}

export interface SharedBreaker {
  /** Runs the work, or throws KS_CIRCUIT_OPEN at once. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** As it is kept now. */
  look(): Promise<BreakerState>;
}

/** How old the known state of a closed breaker may be, and how long successes are gathered before they are written. */
const FRESH_MS = 1000;
const SWAPS_TRIED = 20;

export function sharedBreaker(options: SharedBreakerOptions): SharedBreaker {
  const {
    name,
    service = name,
    memory,
    clock,
    processName,
    policy = BREAKER_POLICY,
    isFailure = isTransientFailure,
    lateMs,
    onState,
    onChange,
  } = options;
  let known: { readonly version: number; readonly state: BreakerState } = { version: 0, state: closedBreaker(clock.nowMs()) };
  let readAtMs = -Infinity;
  let gathered = { successes: 0, busyMs: 0 };
  let calls = 0;

  let reading: Promise<void> | undefined;
  /** Callers that come at once share one look. */
  const read = (): Promise<void> => (reading ??= readNow().finally(() => (reading = undefined)));
  const readNow = async (): Promise<void> => {
    const kept = (await memory.readBreakers()).find((breaker) => breaker.name === name);
    known = kept ? { version: kept.version, state: readState(kept.state, clock.nowMs()) } : { version: 0, state: known.state };
    readAtMs = clock.nowMs();
    onState?.(known.state);
  };

  /** Applies a change to what is kept; without the memory, to what is known. */
  const change = async <T>(step: (state: BreakerState) => { readonly state: BreakerState; readonly answer: T }): Promise<T> => {
    for (let tries = 1; ; tries += 1) {
      const before = known;
      const { state, answer } = step(before.state);
      if (state === before.state) return answer;
      const swapped = await memory.swapBreaker({ name, version: before.version, state }).catch(() => 'away' as const);
      if (swapped !== false || tries >= SWAPS_TRIED) {
        known = { version: before.version + (swapped === true ? 1 : 0), state };
        onState?.(state);
        if (state.kind !== before.state.kind) onChange?.(before.state, state);
        return answer;
      }
      await read().catch(() => undefined);
    }
  };

  const ask = async (caller: string): Promise<BreakerAnswer> => {
    const age = clock.nowMs() - readAtMs;
    if (known.state.kind !== 'closed' || age < 0 || age >= FRESH_MS) await read().catch(() => undefined);
    return change((state) => askBreaker(policy, state, { atMs: clock.nowMs(), caller }));
  };

  const record = async (caller: string, successes: number, failures: number, busyMs: number, failure?: string): Promise<void> => {
    await change((state) => ({
      state: recordOutcomes(policy, state, { atMs: clock.nowMs(), caller, successes, failures, busyMs, failure }),
      answer: undefined,
    }));
  };

  let writtenAtMs = clock.nowMs();
  /** Successes of a closed breaker are many: they are written together, and before each failure. */
  const succeeded = async (caller: string, answer: BreakerAnswer, busyMs: number): Promise<void> => {
    if (answer.kind === 'probe') return record(caller, 1, 0, busyMs);
    gathered = { successes: gathered.successes + 1, busyMs: gathered.busyMs + busyMs };
    const nowMs = clock.nowMs();
    if (nowMs >= writtenAtMs && nowMs - writtenAtMs < FRESH_MS) return;
    await flush(caller);
  };
  const flush = async (caller: string): Promise<void> => {
    const { successes, busyMs } = gathered;
    gathered = { successes: 0, busyMs: 0 };
    writtenAtMs = clock.nowMs();
    if (successes > 0) await record(caller, successes, 0, busyMs);
  };
  const failed = async (caller: string, busyMs: number, failure: string): Promise<void> => {
    await flush(caller);
    await record(caller, 0, 1, busyMs, failure);
  };
  /** Counts a call as failed for every `lateMs` that it stays without an answer. */
  const watchLate = async (caller: string, everyMs: number, over: AbortSignal): Promise<void> => {
    for (;;) {
      await clock.sleep(everyMs, over);
      if (over.aborted) return;
      await failed(caller, everyMs, `no answer for ${everyMs / 1000} s`);
    }
  };

  return {
    run: async (work) => {
      const caller = `${processName}#${(calls += 1)}`;
      const answer = await ask(caller);
      if (answer.kind === 'refused') throw refusal({ name, service, state: known.state, retryAtMs: answer.retryAtMs });
      const startedAtMs = clock.nowMs();
      const over = lateMs === undefined ? null : new AbortController();
      if (over && lateMs !== undefined) void watchLate(caller, lateMs, over.signal);
      let result: Awaited<ReturnType<typeof work>>;
      try {
        result = await work();
      } catch (error) {
        over?.abort();
        const busyMs = Math.max(0, clock.nowMs() - startedAtMs);
        await (isFailure(error) ? failed(caller, busyMs, failureText(error)) : succeeded(caller, answer, busyMs));
        throw error;
      }
      over?.abort();
      await succeeded(caller, answer, Math.max(0, clock.nowMs() - startedAtMs));
      return result;
    },
    look: async () => {
      await read();
      return known.state;
    },
  };
}

/** What a newer version wrote, or nobody, is taken as closed: calls go through, and failures count anew. */
const readState = (state: unknown, atMs: number): BreakerState => {
  const parsed = breakerState.safeParse(state);
  return parsed.success ? parsed.data : closedBreaker(atMs);
};

/** Longest text of a failure that is kept. */
const FAILURE_CHARS = 300;

/** Why a call failed, as all processes may read it: without secrets, and no more than a line or two. */
function failureText(error: unknown): string {
  const text = redactText(messageOf(error)).replaceAll(/\s+/g, ' ').trim();
  return text.length <= FAILURE_CHARS ? text : `${text.slice(0, FAILURE_CHARS - 1)}…`;
}

interface Refused {
  readonly name: string;
  readonly service: string;
  readonly state: BreakerState;
  readonly retryAtMs: number | null;
}

function refusal({ name, service, state, retryAtMs }: Refused): KeystoneError {
  const show = `keystone breaker show ${name}`;
  if (retryAtMs === null) {
    return new KeystoneError('KS_CIRCUIT_OPEN', `the breaker "${name}" (${service}) was tripped by hand; nothing was called`, {
      hint: `${show} says who did it and why; keystone breaker reset ${name} ends it`,
      details: { breaker: name, service },
    });
  }
  const lastFailure = state.kind === 'closed' ? null : state.lastFailure;
  const last = lastFailure === null ? '' : ` (the last: ${lastFailure})`;
  return new KeystoneError(
    'KS_CIRCUIT_OPEN',
    `the breaker "${name}" (${service}) is open after failures${last}; nothing was called, a probe may go at ${new Date(retryAtMs).toISOString()}`,
    {
      hint: `when the service is back: keystone breaker reset ${name} (or wait, it closes by itself once probes succeed); ${show} says since when`,
      details: { breaker: name, service, lastFailure },
    },
  );
}

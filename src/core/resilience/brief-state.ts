/**
 * The state store, asked such that it can neither fail nor slow what asks: opened when it is first needed, given up after a moment, and left
 * alone for a while after it was away.
 */
import type { Clock } from '../clock.js';
import type { StateStore } from '../state/state-store.js';

/** `S`: the store, or as much of it as there is. */
export interface BriefState<S = StateStore> {
  /** What the work says; throws when the store is away, takes too long, or was away a moment ago. */
  ask<T>(work: (state: S) => Promise<T>): Promise<T>;
}

const WITHIN_MS = 1000;
const REST_MS = 5000;

/** `open` may be called again after it failed. */
export function briefState<S>(open: () => Promise<S>, clock: Clock): BriefState<S> {
  let awayAtMs = -Infinity;
  return {
    ask: async (work) => {
      const sinceMs = clock.nowMs() - awayAtMs;
      if (sinceMs >= 0 && sinceMs < REST_MS) throw new Error('the state store was away a moment ago');
      const over = new AbortController();
      // What is written after its time is found by the next look.
      const done = open().then(work);
      const late = clock.sleep(WITHIN_MS, over.signal).then((): never => {
        throw new Error(`the state store did not answer within ${WITHIN_MS} ms`);
      });
      done.catch(() => undefined);
      late.catch(() => undefined);
      try {
        return await Promise.race([done, late]);
      } catch (error) {
        awayAtMs = clock.nowMs();
        throw error;
      } finally {
        over.abort();
      }
    },
  };
}

/**
 * How often and how patiently a kind of operation is tried again: one table, asked by name.
 *
 * Before try n + 1 the wait is `base × 2^n`, plus up to a tenth of it at random, at most the cap. The first wait is therefore twice the
 * base, and `tries` counts the first try too.
 */

export interface RetryPolicy {
  /** All tries, the first included. */
  readonly tries: number;
  readonly baseMs: number;
  readonly capMs: number;
}

/** Waits of each, without the random part, in seconds. */
export const RETRY_POLICIES = {
  /** 0.2 + 0.4: calls of a service that answers at once. */
  api: { tries: 3, baseMs: 100, capMs: 5000 },
  /** 0.1 + 0.2 + 0.4 + 0.8: queries and their polling, the state store. */
  db: { tries: 5, baseMs: 50, capMs: 10_000 },
  /** 2 + 4: a provider that takes seconds to answer. */
  provider: { tries: 3, baseMs: 1000, capMs: 30_000 },
  /** 0.2 … 51.2, 102 together: events on their way; longer outages are a breaker's and a spool's. */
  cdc: { tries: 10, baseMs: 100, capMs: 60_000 },
  /** 1 + 2 + 4 + 8: files. */
  upload: { tries: 5, baseMs: 500, capMs: 30_000 },
} as const satisfies Record<string, RetryPolicy>;

const JITTER_SHARE = 0.1;

/** The wait after `failedTries` tries (from 1); `random` lies in [0, 1). */
export function retryDelayMs({ baseMs, capMs }: RetryPolicy, failedTries: number, random: number): number {
  const backoffMs = baseMs * 2 ** failedTries;
  return Math.min(backoffMs * (1 + JITTER_SHARE * random), capMs);
}

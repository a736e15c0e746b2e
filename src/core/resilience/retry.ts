/** Tries again what may pass by itself, as patiently as its policy says; everything else fails at once. */
import type { Clock } from '../clock.js';
import { retryDelayMs, type RetryPolicy } from './retry-policy.js';
import { isTransientFailure } from './transient-failure.js';

/** Told before each wait, for the log. */
export interface RetryNotice {
  /** The try that failed, from 1. */
  readonly failedTry: number;
  readonly delayMs: number;
  readonly error: unknown;
}

export interface RetryOptions {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly isTransient?: (error: unknown) => boolean;
  /** No try begins after it; the last failure is thrown. */
  readonly signal?: AbortSignal;
  /** From the first try: a wait that would end later is not begun. */
  readonly withinMs?: number;
  readonly onRetry?: (notice: RetryNotice) => void;
}

/** The first success; the last failure when the tries or the time are used up. `work` must be safe to repeat. */
export async function retry<T>(
  policy: RetryPolicy,
  work: (attempt: number) => Promise<T>,
  { clock, random, isTransient = isTransientFailure, signal, withinMs = Infinity, onRetry }: RetryOptions,
): Promise<T> {
  const startedAtMs = clock.nowMs();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= policy.tries || signal?.aborted || !isTransient(error)) throw error;
      const delayMs = retryDelayMs(policy, attempt, random());
      if (clock.nowMs() + delayMs - startedAtMs > withinMs) throw error;
      onRetry?.({ failedTry: attempt, delayMs, error });
      await clock.sleep(delayMs, signal);
      if (signal?.aborted) throw error;
    }
  }
}

/**
 * The retry table for clients of the AWS SDK: they repeat their requests themselves and ask a strategy when
 * (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html). What may be repeated is the SDK's to say; the SDK's own
 * waits would begin at 50 ms and be drawn from the whole of the interval.
 */
import { retryDelayMs, type RetryPolicy } from './retry-policy.js';
import { tellRetry, type RetriedWork, type RetryListeners } from './tell-retry.js';

interface SdkRetryToken {
  getRetryCount(): number;
  /** Milliseconds; the SDK waits. */
  getRetryDelay(): number;
}

interface SdkRetryError {
  readonly error?: unknown;
  readonly errorType: 'TRANSIENT' | 'THROTTLING' | 'SERVER_ERROR' | 'CLIENT_ERROR';
  /** The server's own word on when. */
  readonly retryAfterHint?: Date;
}

/** Fits `retryStrategy` of every client of the SDK. */
export interface SdkRetryStrategy {
  acquireInitialRetryToken(scope: string): Promise<SdkRetryToken>;
  refreshRetryTokenForRetry(token: SdkRetryToken, failure: SdkRetryError): Promise<SdkRetryToken>;
  recordSuccess(token: SdkRetryToken): void;
}

export interface SdkRetryOptions extends RetriedWork, RetryListeners {
  /** In [0, 1). */
  readonly random: () => number;
  /** For the server's own word on when; without it only the table counts. */
  readonly nowMs?: () => number;
}

export function sdkRetry(policy: RetryPolicy, options: SdkRetryOptions): SdkRetryStrategy {
  const { random, nowMs } = options;
  const told = tellRetry(options, options, policy);
  const token = (retries: number, delayMs: number): SdkRetryToken => ({
    getRetryCount: () => retries,
    getRetryDelay: () => delayMs,
  });
  return {
    acquireInitialRetryToken: async () => token(0, 0),
    refreshRetryTokenForRetry: async (before, { error, errorType, retryAfterHint }) => {
      const failedTry = before.getRetryCount() + 1;
      // The SDK takes a throw for "no more" and throws the request's own failure.
      if (errorType === 'CLIENT_ERROR' || failedTry >= policy.tries) throw new Error('no more tries');
      const asked = retryAfterHint === undefined || nowMs === undefined ? 0 : retryAfterHint.getTime() - nowMs();
      const delayMs = Math.min(Math.max(retryDelayMs(policy, failedTry, random()), asked), policy.capMs);
      told({ failedTry, delayMs, error });
      return token(failedTry, delayMs);
    },
    recordSuccess: () => undefined,
  };
}

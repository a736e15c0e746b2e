/** Every wait before another try is told and counted, in one shape, whoever waits. */
import { messageOf } from '../errors.js';
import type { Logger } from '../logging/logger.js';
import type { Metrics } from '../metrics/metrics.js';
import type { RetryPolicy } from './retry-policy.js';
import type { RetryNotice } from './retry.js';

/** Where retries are told; absent: nowhere. */
export interface RetryListeners {
  readonly logger?: Logger | undefined;
  readonly metrics?: Metrics | undefined;
}

export interface RetriedWork {
  /** Label of the count: few values. */
  readonly service: 'log' | 'store' | 'catalog' | 'engine' | 'state';
  /** For the log: what is done, or with whom, e.g. `Glue GetTable`, `s3://lake`. */
  readonly operation: string;
}

/**
 * Event `retry.again` {service, operation, attempt, of, delayMs, error}, where `attempt` is the try that failed and `of` is null where
 * time is the limit, not their number; and one more in
 * `keystone_retries_total`. For `retry`'s `onRetry`.
 */
export function tellRetry(
  { logger, metrics }: RetryListeners,
  { service, operation }: RetriedWork,
  { tries }: { readonly tries: RetryPolicy['tries'] | null },
): (notice: RetryNotice) => void {
  return ({ failedTry, delayMs, error }) => {
    metrics?.count('keystone_retries_total', 1, { operation: service });
    logger?.warn('retry.again', {
      service,
      operation,
      attempt: failedTry,
      of: tries,
      delayMs: Math.round(delayMs),
      error: messageOf(error),
    });
  };
}

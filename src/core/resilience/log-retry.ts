/** Every wait before another try is told, in one shape, whoever waits. */
import { messageOf } from '../errors.js';
import type { Logger } from '../logging/logger.js';
import type { RetryPolicy } from './retry-policy.js';
import type { RetryNotice } from './retry.js';

/** Event `retry.again` {operation, attempt, of, delayMs, error}; `attempt` is the try that failed. For `retry`'s `onRetry`. */
export function logRetry(
  logger: Logger | undefined,
  operation: string,
  { tries }: Pick<RetryPolicy, 'tries'>,
): (notice: RetryNotice) => void {
  return ({ failedTry, delayMs, error }) =>
    logger?.warn('retry.again', {
      operation,
      attempt: failedTry,
      of: tries,
      delayMs: Math.round(delayMs),
      error: messageOf(error),
    });
}

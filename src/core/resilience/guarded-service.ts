/** The services that a breaker stands before, and which of them a profile has: what lies on this machine needs none. */
import type { ProfileConfig } from '../config/config.js';
import { isKeystoneError, type ErrorCode } from '../errors.js';
import { isTransientFailure } from './transient-failure.js';

export const GUARDED_SERVICES = ['log', 'store', 'catalog', 'engine', 'state'] as const;

/** Also the name of its breaker. */
export type GuardedService = (typeof GUARDED_SERVICES)[number];

/** Adapters that speak to another machine. */
const REMOTE: ReadonlySet<string> = new Set(['kafka', 's3', 'glue', 'athena', 'trino', 'postgres']);

const CODES: Readonly<Record<GuardedService, ErrorCode>> = {
  log: 'KS_LOG',
  store: 'KS_STORE',
  catalog: 'KS_CATALOG',
  engine: 'KS_ENGINE',
  state: 'KS_STATE',
};

export const isRemote = (adapter: string): boolean => REMOTE.has(adapter);

/** Whether this profile's adapter of the service stands behind a breaker. */
export const isGuarded = (profile: ProfileConfig, service: GuardedService): boolean => isRemote(profile[service].adapter);

/**
 * A failure of this very service, after its adapter's own retries, that may pass. A catalog call that failed because the store is away is
 * the store's failure; an absence, a conflict or bad SQL is an answer.
 */
export function isFailureOf(service: GuardedService, error: unknown): boolean {
  if (isKeystoneError(error) && error.code !== CODES[service]) return false;
  return isTransientFailure(error);
}

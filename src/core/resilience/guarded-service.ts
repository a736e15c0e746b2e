/** The services that a breaker stands before, and which of them a profile has: what lies on this machine needs none. */
import type { ProfileConfig } from '../config/config.js';
import { isKeystoneError, type ErrorCode } from '../errors.js';
import { isTransientFailure } from './transient-failure.js';

export const GUARDED_SERVICES = ['log', 'store', 'catalog', 'engine', 'state'] as const;

/** Engines that a command may name beside the profile's own: their failures are not that one's, and no level follows from them. */
export const NAMED_ENGINES = ['engine.athena', 'engine.trino'] as const;

/** Also the name of its breaker. */
export type GuardedService = (typeof GUARDED_SERVICES)[number] | (typeof NAMED_ENGINES)[number];

/** The breaker that an engine of this profile stands behind. */
export const engineService = (profile: ProfileConfig, engine: 'athena' | 'trino'): GuardedService =>
  profile.engine.adapter === engine ? 'engine' : `engine.${engine}`;

/** What the profile, or the name itself, says of the service. */
export const adapterOf = (profile: ProfileConfig, service: GuardedService): string =>
  isNamedEngine(service) ? service.slice('engine.'.length) : profile[service].adapter;

const isNamedEngine = (service: GuardedService): service is (typeof NAMED_ENGINES)[number] =>
  NAMED_ENGINES.some((name) => name === service);

/** Adapters that speak to another machine. */
const REMOTE: ReadonlySet<string> = new Set(['kafka', 's3', 'glue', 'athena', 'trino', 'postgres']);

const CODES: Readonly<Record<GuardedService, ErrorCode>> = {
  log: 'KS_LOG',
  store: 'KS_STORE',
  catalog: 'KS_CATALOG',
  engine: 'KS_ENGINE',
  'engine.athena': 'KS_ENGINE',
  'engine.trino': 'KS_ENGINE',
  state: 'KS_STATE',
};

const isRemote = (adapter: string): boolean => REMOTE.has(adapter);

/** Whether this profile's adapter of the service stands behind a breaker. */
export const isGuarded = (profile: ProfileConfig, service: GuardedService): boolean => isRemote(adapterOf(profile, service));

/**
 * A failure of this very service, after its adapter's own retries, that may pass. A catalog call that failed because the store is away is
 * the store's failure; an absence, a conflict or bad SQL is an answer.
 */
export function isFailureOf(service: GuardedService, error: unknown): boolean {
  if (isKeystoneError(error) && error.code !== CODES[service]) return false;
  return isTransientFailure(error);
}

/** What the profile says of the state database, its URL read from where the secret is. */
import type { Clock } from '../clock.js';
import type { ResolvedConfig } from '../config/config.js';
import { resolveSecret } from '../config/secrets.js';
import { KeystoneError } from '../errors.js';
import type { RetryListeners } from '../resilience/tell-retry.js';
import type { PostgresStateOptions } from './postgres-state.js';

export interface PostgresEffects extends RetryListeners {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** @throws KeystoneError KS_CONFIG without a URL or its secret. */
export async function postgresOptions(
  { profile, projectDir, profileName }: ResolvedConfig,
  { clock, randomBytes, env = {}, logger, metrics }: PostgresEffects,
): Promise<PostgresStateOptions> {
  const { url, schema, poolSize, statementTimeout } = profile.state.postgres;
  if (url === undefined) {
    throw new KeystoneError('KS_CONFIG', `profile ${profileName} keeps state in PostgreSQL and names no database`, {
      hint: 'state.postgres.url: env:NAME (or file:PATH), which holds postgres://user:password@host/database',
    });
  }
  const secret = await resolveSecret(url, { env, projectDir });
  const told = { logger, metrics };
  return {
    url: secret.reveal(),
    projectDir,
    schema,
    poolSize,
    statementTimeoutMs: statementTimeout,
    clock,
    randomBytes,
    ...told,
  };
}

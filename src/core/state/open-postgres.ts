/** The state database that the profile names, its URL read from where the secret is. */
import type { Clock } from '../clock.js';
import type { ResolvedConfig } from '../config/config.js';
import { resolveSecret } from '../config/secrets.js';
import { KeystoneError } from '../errors.js';
import { openPostgresState } from './postgres-state.js';
import type { StateStore } from './state-store.js';

export interface PostgresEffects {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** @throws KeystoneError KS_CONFIG without a URL or its secret, otherwise as `openPostgresState`. */
export async function openPostgresFromConfig(
  { profile, projectDir, profileName }: ResolvedConfig,
  { clock, randomBytes, env = {} }: PostgresEffects,
): Promise<StateStore> {
  const { url, schema, poolSize, statementTimeout } = profile.state.postgres;
  if (url === undefined) {
    throw new KeystoneError('KS_CONFIG', `profile ${profileName} keeps state in PostgreSQL and names no database`, {
      hint: 'state.postgres.url: env:NAME (or file:PATH), which holds postgres://user:password@host/database',
    });
  }
  const secret = await resolveSecret(url, { env, projectDir });
  return openPostgresState({
    url: secret.reveal(),
    projectDir,
    schema,
    poolSize,
    statementTimeoutMs: statementTimeout,
    clock,
    randomBytes,
  });
}

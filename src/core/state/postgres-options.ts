/** What the profile says of the state database, its URL read from where the secret is. */
import type { Clock } from '../clock.js';
import type { ResolvedConfig } from '../config/config.js';
import { resolveSecret } from '../config/secrets.js';
import { KeystoneError } from '../errors.js';
import type { Logger } from '../logging/logger.js';
import type { PostgresStateOptions } from './postgres-state.js';

export interface PostgresEffects {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly logger?: Logger | undefined;
}

/** @throws KeystoneError KS_CONFIG without a URL or its secret. */
export async function postgresOptions(
  { profile, projectDir, profileName }: ResolvedConfig,
  { clock, randomBytes, env = {}, logger }: PostgresEffects,
): Promise<PostgresStateOptions> {
  const { url, schema, poolSize, statementTimeout } = profile.state.postgres;
  if (url === undefined) {
    throw new KeystoneError('KS_CONFIG', `profile ${profileName} keeps state in PostgreSQL and names no database`, {
      hint: 'state.postgres.url: env:NAME (or file:PATH), which holds postgres://user:password@host/database',
    });
  }
  const secret = await resolveSecret(url, { env, projectDir });
  return { url: secret.reveal(), projectDir, schema, poolSize, statementTimeoutMs: statementTimeout, clock, randomBytes, logger };
}

/** The state database that the profile names. */
import type { ResolvedConfig } from '../config/config.js';
import { postgresOptions, type PostgresEffects } from './postgres-options.js';
import { openPostgresState } from './postgres-state.js';
import type { StateStore } from './state-store.js';

/** @throws KeystoneError KS_CONFIG without a URL or its secret, otherwise as `openPostgresState`. */
export async function openPostgresFromConfig(config: ResolvedConfig, effects: PostgresEffects): Promise<StateStore> {
  return openPostgresState(await postgresOptions(config, effects));
}

/** Is the state database there, and how full? Makes nothing. */
import { sql } from 'kysely';
import type { ResolvedConfig } from '../config/config.js';
import { readPostgresUrl, showAddress } from './postgres-address.js';
import { openPostgresConnections } from './postgres-connections.js';
import { describePostgresFailure } from './postgres-failure.js';
import { postgresOptions, type PostgresEffects } from './postgres-options.js';
import { readSchemaVersion } from './postgres-schema.js';

export interface PostgresLook {
  /** e.g. `keystone on db:5432`. */
  readonly place: string;
  /** Of the tables; 0 when there are none. */
  readonly version: number;
  /** Of one transaction on an open connection. */
  readonly answerMs: number;
  /** Of all clients of the server, those that this user may see. */
  readonly connections: number;
  readonly connectionsMax: number;
}

const LOOK_WITHIN_MS = 5000;

/** @throws KeystoneError KS_CONFIG, KS_CREDENTIALS, KS_STATE. */
export async function lookAtPostgres(config: ResolvedConfig, effects: PostgresEffects): Promise<PostgresLook> {
  const options = await postgresOptions(config, effects);
  const address = await readPostgresUrl(options.url, options.projectDir);
  const connections = openPostgresConnections(address, 1);
  try {
    const version = await connections.transact(LOOK_WITHIN_MS, (trx) => readSchemaVersion(trx, options.schema));
    const askedAtMs = effects.clock.nowMs();
    const found = await connections.transact(LOOK_WITHIN_MS, async (trx) => {
      const { rows } = await sql<{ used: number; most: number }>`
        SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend') AS used,
          current_setting('max_connections')::bigint AS most`.execute(trx);
      return rows[0] ?? { used: 0, most: 0 };
    });
    const answerMs = effects.clock.nowMs() - askedAtMs;
    return { place: showAddress(address), version, answerMs, connections: found.used, connectionsMax: found.most };
  } catch (error) {
    throw describePostgresFailure(error, `the state database ${showAddress(address)}`);
  } finally {
    await connections.close();
  }
}

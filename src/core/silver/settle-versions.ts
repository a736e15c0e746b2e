/**
 * Which event of a key stands: among the good rows of a range and the key's current silver row, the greatest by version column
 * (when the contract names one), then log time, partition, offset. A resent old version never replaces a newer one.
 */
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { keyHashSql, type SeenIndex, versionSql } from './seen-index.js';

/**
 * Of a dataset with a key, over the typed table (`typed`): creates
 * - `<typed>_winners` (`_topic, _partition, _offset, key_hash, version`): rows of the range that become current;
 * - `<typed>_losers` (`_topic, _partition, _offset, is_current, winner_partition, winner_offset`): events that are superseded;
 *   `is_current` ones are silver rows that must leave their files.
 */
export async function settleVersions(session: DuckSession, contract: Contract, seen: SeenIndex, typed: string): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE ${typed}_contest AS
    WITH fresh AS (
      SELECT ${keyHashSql(contract.key)} AS key_hash, _topic, _partition, _offset, _log_time, ${versionSql(contract)} AS version, false AS is_current
      FROM ${typed} WHERE _reasons IS NULL)
    SELECT * FROM fresh
    UNION ALL
    SELECT key_hash, topic, part, off, log_time, version, true FROM ${seen.keys(contract)} SEMI JOIN fresh USING (key_hash)`);
  // Most keys come once and are new: only the others are ranked, since a window sorts all it is given.
  await session.run(`CREATE OR REPLACE TEMP TABLE ${typed}_contested AS
    SELECT key_hash FROM ${typed}_contest GROUP BY key_hash HAVING count(*) > 1`);
  await session.run(`CREATE OR REPLACE TEMP TABLE ${typed}_ranked AS
    SELECT *, row_number() OVER newest AS place, first_value(_partition) OVER newest AS winner_partition, first_value(_offset) OVER newest AS winner_offset
    FROM ${typed}_contest SEMI JOIN ${typed}_contested USING (key_hash)
    WINDOW newest AS (PARTITION BY key_hash ORDER BY version DESC NULLS LAST, _log_time DESC, _partition DESC, _offset DESC)`);
  await session.run(`CREATE OR REPLACE TEMP TABLE ${typed}_winners AS
    SELECT _topic, _partition, _offset, key_hash, version, _log_time FROM ${typed}_ranked WHERE place = 1 AND NOT is_current
    UNION ALL
    SELECT _topic, _partition, _offset, key_hash, version, _log_time FROM ${typed}_contest ANTI JOIN ${typed}_contested USING (key_hash)`);
  await session.run(`CREATE OR REPLACE TEMP TABLE ${typed}_losers AS
    SELECT _topic, _partition, _offset, is_current, winner_partition, winner_offset FROM ${typed}_ranked WHERE place > 1`);
  await session.run(`DROP TABLE ${typed}_contest; DROP TABLE ${typed}_contested; DROP TABLE ${typed}_ranked`);
}

/** Keeps the index in step once the winners are committed. */
export async function recordVersions(session: DuckSession, contract: Contract, seen: SeenIndex, typed: string): Promise<void> {
  const keys = seen.keys(contract);
  await session.run(`DELETE FROM ${keys} WHERE key_hash IN (SELECT key_hash FROM ${typed}_winners)`);
  await session.run(`INSERT INTO ${keys} SELECT key_hash, _topic, _partition, _offset, _log_time, version FROM ${typed}_winners`);
}

/** Leases in the tables of a state store, as far as they don't depend on the database's clock. */
import type { Kysely } from 'kysely';
import type { StateSchema } from './state-schema.js';
import type { Lease } from './state-store.js';

/** Beyond this, and beyond ten times what is asked for, an expiry tells of a clock that was wrong. */
export const NO_LEASE_LASTS_MS = 600_000;

/** Null where there is none, or it was released; `expiresAtMs` by the caller's clock. */
export const leaseOf = (row: StateSchema['leases'] | undefined, expiresAtMs = row?.expires_at_ms ?? 0): Lease | null =>
  row === undefined || row.holder === null
    ? null
    : { name: row.name, holder: row.holder, fencingToken: row.fencing_token, expiresAtMs };

/** One that is no longer this holder's is left as it is. */
export async function releaseLease(db: Kysely<StateSchema>, lease: Lease): Promise<void> {
  await db
    .updateTable('leases')
    .set({ holder: null })
    .where('name', '=', lease.name)
    .where('holder', '=', lease.holder)
    .where('fencing_token', '=', lease.fencingToken)
    .execute();
}

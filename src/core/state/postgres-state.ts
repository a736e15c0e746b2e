/**
 * The state store of a production home: PostgreSQL, shared by processes on many machines. Each method is one transaction and may be
 * repeated, so one that met a restart is tried again.
 *
 * Leases live by the database's clock alone. A holder is told when its lease ends by its own clock, counted from before it asked: it
 * stops believing earlier than the database does, never later, whatever the two clocks say.
 */
import { sql, type Transaction } from 'kysely';
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import { RETRY_POLICIES } from '../resilience/retry-policy.js';
import { tellRetry, type RetryListeners } from '../resilience/tell-retry.js';
import { retry } from '../resilience/retry.js';
import { randomHexId, randomUnit } from '../table/random-names.js';
import { readPostgresUrl, showAddress } from './postgres-address.js';
import { openPostgresConnections } from './postgres-connections.js';
import { describePostgresFailure } from './postgres-failure.js';
import { migratePostgres, POSTGRES_SCHEMA_VERSION, type PostgresTables, readSchemaVersion } from './postgres-schema.js';
import type { StateSchema } from './state-schema.js';
import type { StateStore } from './state-store.js';
import { leaseOf, NO_LEASE_LASTS_MS, releaseLease } from './stored-leases.js';
import { listRuns, saveRun } from './stored-runs.js';
import { addTransition, listTransitions } from './stored-transitions.js';

export interface PostgresStateOptions extends RetryListeners {
  /** With the password: never printed. */
  readonly url: string;
  /** Relative certificate files lie here. */
  readonly projectDir: string;
  /** Where the tables are. */
  readonly schema: string;
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  readonly clock: Clock;
  /** Spreads the tries of many processes, and marks what this one wrote. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** now() is when the transaction began: one that waited for a lock takes its lease for a shorter time, not for a longer one. */
const NOW_MS = sql<number>`floor(extract(epoch FROM now()) * 1000)::bigint`;

/** A renewal that hangs must leave time for the next one. */
const RENEWAL_SHARE = 1 / 3;
const LEAST_RENEWAL_MS = 250;
/** Connects, brings the tables to the newest version. Every failure is KS_STATE, KS_CREDENTIALS or KS_CONFIG, without the secret. */
export async function openPostgresState(options: PostgresStateOptions): Promise<StateStore> {
  const { clock, randomBytes, schema, statementTimeoutMs } = options;
  const random = (): number => randomUnit(randomBytes);
  const address = await readPostgresUrl(options.url, options.projectDir);
  const what = `the state database ${showAddress(address)}`;
  const connections = openPostgresConnections(address, options.poolSize);

  /** `askedAtMs` is this clock before the database's now() of the same transaction. */
  type Work<T> = (trx: Transaction<StateSchema>, askedAtMs: number) => Promise<T>;
  const transact = async <T>(work: Work<T>, withinMs = Infinity): Promise<T> => {
    const once = (): Promise<T> => {
      const askedAtMs = Math.floor(clock.nowMs());
      return connections.transact(Math.min(withinMs, statementTimeoutMs), (trx) => work(trx, askedAtMs));
    };
    try {
      return await retry(RETRY_POLICIES.db, once, {
        clock,
        random,
        withinMs: Math.min(withinMs, statementTimeoutMs),
        onRetry: tellRetry(options, { service: 'state', operation: what }, RETRY_POLICIES.db),
      });
    } catch (error) {
      throw describePostgresFailure(error, what);
    }
  };

  try {
    let version = await transact((trx) => readSchemaVersion(trx, schema));
    if (version < POSTGRES_SCHEMA_VERSION) version = await transact((trx) => migratePostgres(trx, schema));
    if (version > POSTGRES_SCHEMA_VERSION) {
      throw new KeystoneError('KS_STATE', `${what} was brought up by a newer Keystone (schema ${version})`, {
        hint: 'Update Keystone.',
      });
    }
  } catch (error) {
    await connections.close();
    throw error;
  }

  /** This clock less the database's, measured once: two readings of a lease that stood still are equal. */
  let clockLeadMs: number | undefined;

  return {
    acquireLease: (name, holder, ttlMs, leastToken = 0) => {
      const ttl = Math.ceil(ttlMs);
      return transact(async (trx, askedAtMs) => {
        const row = await trx
          .withSchema(schema)
          .insertInto('leases')
          // The first token is the time: tables remember the highest token they saw, and must accept a database that was lost and
          // made anew. A token rises far less often than once in a millisecond.
          .values({
            name,
            holder,
            fencing_token: sql<number>`greatest(${NOW_MS}, ${leastToken}::bigint)`,
            expires_at_ms: sql<number>`${NOW_MS} + ${ttl}::bigint`,
          })
          .onConflict((conflict) =>
            conflict
              .column('name')
              .doUpdateSet({
                holder: (of) => of.ref('excluded.holder'),
                fencing_token: sql<number>`greatest(
                  leases.fencing_token + CASE WHEN leases.holder IS DISTINCT FROM excluded.holder THEN 1 ELSE 0 END, ${leastToken}::bigint)`,
                expires_at_ms: (of) => of.ref('excluded.expires_at_ms'),
              })
              .where((of) =>
                of.or([
                  of('leases.holder', 'is', null),
                  of('leases.holder', '=', holder),
                  of('leases.expires_at_ms', '<=', NOW_MS),
                  // Taken while the clock stood far ahead: a holder that lives renews it under the clock of now.
                  of('leases.expires_at_ms', '>', sql<number>`${NOW_MS} + ${Math.max(NO_LEASE_LASTS_MS, 10 * ttl)}::bigint`),
                ]),
              ),
          )
          .returningAll()
          .executeTakeFirst();
        return leaseOf(row, askedAtMs + ttl);
      });
    },
    renewLease: (lease, ttlMs) => {
      const ttl = Math.ceil(ttlMs);
      return transact(
        async (trx, askedAtMs) => {
          // An expired lease that nobody took is still this holder's: nothing can have been done under a higher token.
          const row = await trx
            .withSchema(schema)
            .updateTable('leases')
            .set({ expires_at_ms: sql<number>`${NOW_MS} + ${ttl}::bigint` })
            .where('name', '=', lease.name)
            .where('holder', '=', lease.holder)
            .where('fencing_token', '=', lease.fencingToken)
            .returningAll()
            .executeTakeFirst();
          return leaseOf(row, askedAtMs + ttl);
        },
        Math.max(LEAST_RENEWAL_MS, ttlMs * RENEWAL_SHARE),
      );
    },
    releaseLease: (lease) => transact((trx) => releaseLease(trx.withSchema(schema), lease)),
    readLease: (name) =>
      transact(async (trx) => {
        const row = await trx
          .withSchema(schema)
          .selectFrom('leases')
          .selectAll()
          .select(NOW_MS.as('now_ms'))
          .where('name', '=', name)
          .executeTakeFirst();
        if (row === undefined) return null;
        clockLeadMs ??= Math.floor(clock.nowMs()) - row.now_ms;
        return leaseOf(row, row.expires_at_ms + clockLeadMs);
      }),
    saveRun: (run) => transact((trx) => saveRun(trx.withSchema(schema), run)),
    listRuns: (filter) => transact((trx) => listRuns(trx.withSchema(schema), filter)),
    readBreakers: () =>
      transact(async (trx) => {
        const rows = await trx.withSchema(schema).selectFrom('breakers').selectAll().orderBy('name').execute();
        return rows.map(({ name, version, state }) => ({ name, version, state: JSON.parse(state) as unknown }));
      }),
    swapBreaker: ({ name, version, state }) => {
      const writer = randomHexId(randomBytes);
      const next = { name, version: version + 1, state: JSON.stringify(state), writer };
      return transact(async (trx) => {
        const to = trx.withSchema(schema).withTables<PostgresTables>();
        if (version === 0) {
          await to
            .insertInto('breakers')
            .values(next)
            .onConflict((conflict) => conflict.doNothing())
            .execute();
        } else {
          await to.updateTable('breakers').set(next).where('name', '=', name).where('version', '=', version).execute();
        }
        // Read back instead of counted: after a lost answer the second try finds what the first one wrote.
        const row = await to.selectFrom('breakers').select('writer').where('name', '=', name).executeTakeFirst();
        return row?.writer === writer;
      });
    },
    addTransition: (transition) => transact((trx) => addTransition(trx.withSchema(schema), transition)),
    listTransitions: (filter) => transact((trx) => listTransitions(trx.withSchema(schema), filter)),
    close: () => connections.close(),
  };
}

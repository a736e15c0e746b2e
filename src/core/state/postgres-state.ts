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
import { readPostgresUrl, showAddress } from './postgres-address.js';
import { openPostgresConnections } from './postgres-connections.js';
import { describePostgresFailure } from './postgres-failure.js';
import { migratePostgres, POSTGRES_SCHEMA_VERSION, readSchemaVersion, type PostgresStateSchema } from './postgres-schema.js';
import { runOf, runRow } from './run-row.js';
import type { Lease, StateStore } from './state-store.js';
import { beginsWith, transitionOf, transitionRow, TRANSITIONS_KEPT } from './transition-row.js';

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
/** Beyond this, and beyond ten times what is asked for, an expiry tells of a clock that was wrong. */
const NO_LEASE_LASTS_MS = 600_000;

/** Connects, brings the tables to the newest version. Every failure is KS_STATE, KS_CREDENTIALS or KS_CONFIG, without the secret. */
export async function openPostgresState(options: PostgresStateOptions): Promise<StateStore> {
  const { clock, randomBytes, schema, statementTimeoutMs } = options;
  const random = (): number => (randomBytes(1)[0] ?? 0) / 256;
  const address = await readPostgresUrl(options.url, options.projectDir);
  const what = `the state database ${showAddress(address)}`;
  const connections = openPostgresConnections<PostgresStateSchema>(address, options.poolSize);

  /** `askedAtMs` is this clock before the database's now() of the same transaction. */
  type Work<T> = (trx: Transaction<PostgresStateSchema>, askedAtMs: number) => Promise<T>;
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

  const taken = (row: PostgresStateSchema['leases'] | undefined, expiresAtMs: number): Lease | null =>
    row === undefined || row.holder === null
      ? null
      : { name: row.name, holder: row.holder, fencingToken: row.fencing_token, expiresAtMs };

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
        return taken(row, askedAtMs + ttl);
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
          return taken(row, askedAtMs + ttl);
        },
        Math.max(LEAST_RENEWAL_MS, ttlMs * RENEWAL_SHARE),
      );
    },
    releaseLease: (lease) =>
      transact(async (trx) => {
        await trx
          .withSchema(schema)
          .updateTable('leases')
          .set({ holder: null })
          .where('name', '=', lease.name)
          .where('holder', '=', lease.holder)
          .where('fencing_token', '=', lease.fencingToken)
          .execute();
      }),
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
        return taken(row, row.expires_at_ms + clockLeadMs);
      }),
    saveRun: (run) =>
      transact(async (trx) => {
        const row = runRow(run);
        await trx
          .withSchema(schema)
          .insertInto('runs')
          .values(row)
          .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
          .execute();
      }),
    listRuns: ({ command, limit }) =>
      transact(async (trx) => {
        let query = trx
          .withSchema(schema)
          .selectFrom('runs')
          .selectAll()
          .orderBy('started_at_ms', 'desc')
          .orderBy('id', 'desc')
          .limit(Math.max(0, limit));
        if (command !== undefined) query = query.where('command', '=', command);
        return (await query.execute()).map(runOf);
      }),
    readBreakers: () =>
      transact(async (trx) => {
        const rows = await trx.withSchema(schema).selectFrom('breakers').selectAll().orderBy('name').execute();
        return rows.map(({ name, version, state }) => ({ name, version, state: JSON.parse(state) as unknown }));
      }),
    swapBreaker: ({ name, version, state }) => {
      const writer = Buffer.from(randomBytes(12)).toString('hex');
      const next = { name, version: version + 1, state: JSON.stringify(state), writer };
      return transact(async (trx) => {
        const to = trx.withSchema(schema);
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
    addTransition: (transition) =>
      transact(async (trx) => {
        const row = transitionRow(transition);
        const to = trx.withSchema(schema);
        await to
          .insertInto('transitions')
          .values(row)
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        const oldest = to
          .selectFrom('transitions')
          .select('seq')
          .where('subject', '=', row.subject)
          .orderBy('seq', 'desc')
          .limit(1)
          .offset(TRANSITIONS_KEPT);
        await to.deleteFrom('transitions').where('subject', '=', row.subject).where('seq', '<=', oldest).execute();
      }),
    listTransitions: ({ subject, subjectPrefix, limit }) =>
      transact(async (trx) => {
        let query = trx.withSchema(schema).selectFrom('transitions').selectAll().orderBy('seq', 'desc').limit(Math.max(0, limit));
        if (subject !== undefined) query = query.where('subject', '=', subject);
        if (subjectPrefix !== undefined) query = query.where(sql<boolean>`subject LIKE ${beginsWith(subjectPrefix)} ESCAPE '!'`);
        return (await query.execute()).map(transitionOf);
      }),
    close: () => connections.close(),
  };
}

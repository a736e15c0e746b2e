/**
 * The state store on a laptop: a SQLite file that several processes share. Every method is one statement, hence one transaction,
 * so the rules of a lease hold whoever else writes at the same moment.
 */
import { Kysely, SqliteDialect, sql, type SqliteDatabase } from 'kysely';
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import { describeSqliteFailure } from '../sqlite/sqlite-failure.js';
import { openSqliteFile, type SqliteBind, type SqliteFile } from '../sqlite/sqlite-file.js';
import { migrateState, STATE_SCHEMA_VERSION, type StateSchema } from './state-schema.js';
import type { StateStore } from './state-store.js';
import { leaseOf, NO_LEASE_LASTS_MS, releaseLease } from './stored-leases.js';
import { listRuns, saveRun } from './stored-runs.js';
import { addTransition, listTransitions } from './stored-transitions.js';

/** Its statements take well under a millisecond; the wait blocks the event loop. */
const BUSY_TIMEOUT_MS = 10_000;

/** The file as kysely's SqliteDialect wants it; binds stay checked. */
const asKyselyDatabase = (file: SqliteFile): SqliteDatabase => ({
  close: () => file.close(),
  prepare: (text) => {
    const statement = file.prepare(text);
    return {
      reader: statement.reader,
      all: (binds) => statement.all(...(binds as readonly SqliteBind[])),
      run: (binds) => ({ changes: statement.run(...(binds as readonly SqliteBind[])), lastInsertRowid: 0 }),
      iterate: (binds) => statement.all(...(binds as readonly SqliteBind[]))[Symbol.iterator](),
    };
  },
});

/** Opens or creates the file (and its folder), brought to the newest schema. Every failure is KS_STATE. */
export async function openSqliteState(options: { readonly path: string; readonly clock: Clock }): Promise<StateStore> {
  const { path, clock } = options;
  const failed = (error: unknown): KeystoneError => {
    const { message, hint } = describeSqliteFailure(error, `the state store ${path}`);
    return new KeystoneError('KS_STATE', message, { hint, cause: error });
  };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw failed(error);
    }
  };
  const file = await guarded(async () => openSqliteFile(path, { busyTimeoutMs: BUSY_TIMEOUT_MS }));
  const found = await guarded(async () => migrateState(file));
  if (found > STATE_SCHEMA_VERSION) {
    file.close();
    throw new KeystoneError('KS_STATE', `The state store ${path} was written by a newer Keystone (schema ${found})`, {
      hint: 'Update Keystone.',
    });
  }
  const db = new Kysely<StateSchema>({ dialect: new SqliteDialect({ database: asKyselyDatabase(file) }) });
  const nowMs = (): number => Math.floor(clock.nowMs());

  return {
    acquireLease: (name, holder, ttlMs, leastToken = 0) =>
      guarded(async () => {
        const now = nowMs();
        const row = await db
          .insertInto('leases')
          // The first token is the time: tables remember the highest token they saw, and must accept a state file that was lost
          // and made anew. A token rises far less often than once in a millisecond.
          .values({ name, holder, fencing_token: Math.max(now, leastToken), expires_at_ms: now + Math.ceil(ttlMs) })
          .onConflict((conflict) =>
            conflict
              .column('name')
              .doUpdateSet({
                holder: (of) => of.ref('excluded.holder'),
                // IS NOT: a released lease has no holder, and taking it is a change of holder.
                fencing_token: sql<number>`max(leases.fencing_token + (leases.holder IS NOT excluded.holder), ${leastToken})`,
                expires_at_ms: (of) => of.ref('excluded.expires_at_ms'),
              })
              .where((of) =>
                of.or([
                  of('leases.holder', 'is', null),
                  of('leases.holder', '=', holder),
                  of('leases.expires_at_ms', '<=', now),
                  // Taken while the clock stood far ahead: a holder that lives renews it under the clock of now.
                  of('leases.expires_at_ms', '>', now + Math.max(NO_LEASE_LASTS_MS, 10 * ttlMs)),
                ]),
              ),
          )
          .returningAll()
          .executeTakeFirst();
        return leaseOf(row);
      }),
    renewLease: (lease, ttlMs) =>
      guarded(async () => {
        // An expired lease that nobody took is still this holder's: nothing can have been done under a higher token.
        const row = await db
          .updateTable('leases')
          .set({ expires_at_ms: nowMs() + Math.ceil(ttlMs) })
          .where('name', '=', lease.name)
          .where('holder', '=', lease.holder)
          .where('fencing_token', '=', lease.fencingToken)
          .returningAll()
          .executeTakeFirst();
        return leaseOf(row);
      }),
    releaseLease: (lease) => guarded(() => releaseLease(db, lease)),
    readLease: (name) =>
      guarded(async () => leaseOf(await db.selectFrom('leases').selectAll().where('name', '=', name).executeTakeFirst())),
    saveRun: (run) => guarded(() => saveRun(db, run)),
    listRuns: (filter) => guarded(() => listRuns(db, filter)),
    readBreakers: () =>
      guarded(async () => {
        const rows = await db.selectFrom('breakers').selectAll().orderBy('name').execute();
        return rows.map(({ name, version, state }) => ({ name, version, state: JSON.parse(state) as unknown }));
      }),
    swapBreaker: ({ name, version, state }) =>
      guarded(async () => {
        const next = { name, version: version + 1, state: JSON.stringify(state) };
        if (version === 0) {
          const inserted = db
            .insertInto('breakers')
            .values(next)
            .onConflict((conflict) => conflict.doNothing())
            .returning('version');
          return (await inserted.executeTakeFirst()) !== undefined;
        }
        const updated = db.updateTable('breakers').set(next).where('name', '=', name).where('version', '=', version);
        return (await updated.returning('version').executeTakeFirst()) !== undefined;
      }),
    addTransition: (transition) => guarded(() => addTransition(db, transition)),
    listTransitions: (filter) => guarded(() => listTransitions(db, filter)),
    close: () => guarded(() => db.destroy()),
  };
}

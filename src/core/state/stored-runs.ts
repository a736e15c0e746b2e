/** Runs in the tables of a state store, whichever its database. */
import type { Kysely } from 'kysely';
import { runOf, runRow } from './run-row.js';
import type { StateSchema } from './state-schema.js';
import type { Run } from './state-store.js';

/** Replaces what was saved under the same id. */
export async function saveRun(db: Kysely<StateSchema>, run: Run): Promise<void> {
  const row = runRow(run);
  await db
    .insertInto('runs')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

/** Newest first. */
export async function listRuns(
  db: Kysely<StateSchema>,
  { command, limit }: { readonly command?: string; readonly limit: number },
): Promise<readonly Run[]> {
  let query = db.selectFrom('runs').selectAll().orderBy('started_at_ms', 'desc').orderBy('id', 'desc').limit(Math.max(0, limit));
  if (command !== undefined) query = query.where('command', '=', command);
  return (await query.execute()).map(runOf);
}

/** Transitions in the tables of a state store, whichever its database. */
import { sql, type Kysely } from 'kysely';
import type { StateSchema } from './state-schema.js';
import type { StateStore, Transition } from './state-store.js';
import { beginsWith, transitionOf, transitionRow, TRANSITIONS_KEPT } from './transition-row.js';

/** One whose id is there already is not added again. */
export async function addTransition(db: Kysely<StateSchema>, transition: Transition): Promise<void> {
  const row = transitionRow(transition);
  await db
    .insertInto('transitions')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const oldest = db
    .selectFrom('transitions')
    .select('seq')
    .where('subject', '=', row.subject)
    .orderBy('seq', 'desc')
    .limit(1)
    .offset(TRANSITIONS_KEPT);
  await db.deleteFrom('transitions').where('subject', '=', row.subject).where('seq', '<=', oldest).execute();
}

type Filter = Parameters<StateStore['listTransitions']>[0];

/** In the order of writing, last first. */
export async function listTransitions(
  db: Kysely<StateSchema>,
  { subject, subjectPrefix, limit }: Filter,
): Promise<readonly Transition[]> {
  let query = db.selectFrom('transitions').selectAll().orderBy('seq', 'desc').limit(Math.max(0, limit));
  if (subject !== undefined) query = query.where('subject', '=', subject);
  if (subjectPrefix !== undefined) query = query.where(sql<boolean>`subject LIKE ${beginsWith(subjectPrefix)} ESCAPE '!'`);
  return (await query.execute()).map(transitionOf);
}

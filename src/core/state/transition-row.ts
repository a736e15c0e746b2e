/** A transition as the state stores keep it. */
import type { Insertable, Selectable } from 'kysely';
import type { StateSchema } from './state-schema.js';
import type { Transition } from './state-store.js';

/** Of each subject, older ones go. */
export const TRANSITIONS_KEPT = 1000;

export const transitionRow = (transition: Transition): Insertable<StateSchema['transitions']> => ({
  id: transition.id,
  subject: transition.subject,
  at_ms: Math.floor(transition.atMs),
  from_state: transition.from,
  to_state: transition.to,
  detail: JSON.stringify(transition.detail ?? null),
});

export const transitionOf = (row: Selectable<StateSchema['transitions']>): Transition => ({
  id: row.id,
  subject: row.subject,
  atMs: row.at_ms,
  from: row.from_state,
  to: row.to_state,
  detail: JSON.parse(row.detail) as unknown,
});

/** A name's beginning as a pattern of LIKE … ESCAPE '!'. */
export const beginsWith = (prefix: string): string => `${prefix.replaceAll(/[!%_]/g, (sign) => `!${sign}`)}%`;

/**
 * What the state file says of breakers and changes, read without the query builder that writing takes: it stands at the end of every
 * command's JSON, and loading that would be half of a command's start.
 */
import { openSqliteFile, type SqliteRow } from '../sqlite/sqlite-file.js';
import { STATE_SCHEMA_VERSION } from './state-schema.js';
import type { StateStore } from './state-store.js';
import { beginsWith, transitionOf } from './transition-row.js';

/** Nobody waits for it. */
const BUSY_TIMEOUT_MS = 100;

export interface StateLook extends Pick<StateStore, 'readBreakers' | 'listTransitions'> {
  close(): void;
}

/** Of a file that is there; one of an older version says nothing. Throws what SQLite throws. */
export function lookAtSqlite(file: string): StateLook {
  const db = openSqliteFile(file, { busyTimeoutMs: BUSY_TIMEOUT_MS });
  const isOld = Number(db.pragma('user_version')) < STATE_SCHEMA_VERSION;
  const rows = (sql: string, ...binds: readonly (string | number)[]): readonly SqliteRow[] =>
    isOld ? [] : db.prepare(sql).all(...binds);
  return {
    readBreakers: async () =>
      rows('SELECT name, version, state FROM breakers ORDER BY name').map(({ name, version, state }) => ({
        name: String(name),
        version: Number(version),
        state: JSON.parse(String(state)) as unknown,
      })),
    listTransitions: async ({ subject, subjectPrefix, limit }) => {
      const [where, bind] =
        subject === undefined ? ["subject LIKE ? ESCAPE '!'", beginsWith(subjectPrefix ?? '')] : ['subject = ?', subject];
      return rows(`SELECT * FROM transitions WHERE ${where} ORDER BY seq DESC LIMIT ?`, bind, Math.max(0, limit)).map((row) =>
        transitionOf({
          seq: Number(row['seq']),
          id: String(row['id']),
          subject: String(row['subject']),
          at_ms: Number(row['at_ms']),
          from_state: String(row['from_state']),
          to_state: String(row['to_state']),
          detail: String(row['detail']),
        }),
      );
    },
    close: () => db.close(),
  };
}

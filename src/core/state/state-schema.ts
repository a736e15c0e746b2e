/** The tables of the state stores, and the numbered steps that lead the embedded one there. */
import type { Generated } from 'kysely';
import type { SqliteFile } from '../sqlite/sqlite-file.js';

/** Times are milliseconds since the epoch. */
export interface StateSchema {
  leases: {
    name: string;
    /** Null once released: the row stays, so that the token goes on rising. */
    holder: string | null;
    fencing_token: number;
    expires_at_ms: number;
  };
  runs: { id: string; command: string; status: string; started_at_ms: number; ended_at_ms: number | null; detail: string };
  /** `state` is JSON. */
  breakers: { name: string; version: number; state: string };
  /** `seq` rises in the order of writing; `detail` is JSON. */
  transitions: {
    seq: Generated<number>;
    id: string;
    subject: string;
    at_ms: number;
    from_state: string;
    to_state: string;
    detail: string;
  };
}

/** Step n leads from schema version n to n + 1. Never change one that was released: add another. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE leases (
     name TEXT PRIMARY KEY, holder TEXT, fencing_token INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE runs (
     id TEXT PRIMARY KEY, command TEXT NOT NULL, status TEXT NOT NULL,
     started_at_ms INTEGER NOT NULL, ended_at_ms INTEGER, detail TEXT NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX runs_by_start ON runs (started_at_ms);
   CREATE INDEX runs_by_command ON runs (command, started_at_ms);`,
  `CREATE TABLE breakers (name TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  `CREATE TABLE transitions (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL, at_ms INTEGER NOT NULL,
     from_state TEXT NOT NULL, to_state TEXT NOT NULL, detail TEXT NOT NULL
   ) STRICT;
   CREATE INDEX transitions_by_subject ON transitions (subject, seq);`,
];

/** The version this code knows. */
export const STATE_SCHEMA_VERSION = MIGRATIONS.length;

/**
 * Brings the file to the newest version and returns the one it found. Each step and its number are one transaction, and the number
 * is read inside it: two processes that start at once do each step once. A file of a newer version is left as it is.
 */
export function migrateState(file: SqliteFile): number {
  const found = Number(file.pragma('user_version'));
  for (let version = found; version < MIGRATIONS.length; version++) {
    file.immediate(() => {
      if (Number(file.pragma('user_version')) !== version) return;
      file.exec(MIGRATIONS[version]!);
      file.pragma(`user_version=${version + 1}`);
    });
  }
  return found;
}

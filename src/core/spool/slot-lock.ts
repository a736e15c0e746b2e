/**
 * Whose a slot of the spool is: a lock of the operating system on a SQLite file, which the end of its process releases, however it ends, and
 * which a process that stands still keeps.
 */
import path from 'node:path';
import { openSqliteFile, type SqliteFile } from '../sqlite/sqlite-file.js';

export interface SlotLock {
  release(): void;
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && /^SQLITE_(BUSY|LOCKED)/.test(error.code);

/** Null: another process has it, for longer than `patienceMs`. Throws the file system's error. */
export function lockSlot(folder: string, patienceMs = 0): SlotLock | null {
  let file: SqliteFile | null = null;
  try {
    file = openSqliteFile(path.join(folder, 'lock'), { busyTimeoutMs: patienceMs });
    file.exec('BEGIN IMMEDIATE');
    const held = file;
    return {
      release: () => {
        // libsql closes the file when it likes; the lock must go now.
        held.exec('ROLLBACK');
        held.close();
      },
    };
  } catch (error) {
    file?.close();
    if (isBusy(error)) return null;
    throw error;
  }
}

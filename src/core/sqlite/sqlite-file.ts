/**
 * The one place that touches libsql: a SQLite file with checked binds and exact integers, for the embedded log and the embedded
 * state store.
 *
 * libsql is synchronous (a lock wait blocks the calling thread), aborts the whole process when a boolean, a Date or an object is
 * bound, binds every JS number as REAL, rounds integers beyond 2^53, and returns BLOBs as ArrayBuffer. All of that ends here:
 * binds are checked, integers travel as 64-bit in both directions, and an integer that a JS number can't hold is an error.
 */
import path from 'node:path';
import Database from 'libsql';
import { makeFolderSync } from './make-folder-sync.js';

/** What may be bound or comes back; a BLOB comes back as an ArrayBuffer of its own. */
export type SqliteBind = null | string | number | bigint | Uint8Array;
export type SqliteValue = null | string | number | ArrayBuffer;
export type SqliteRow = Readonly<Record<string, SqliteValue>>;

export interface SqliteStatement {
  /** Whether it returns rows. */
  readonly reader: boolean;
  /** Number of changed rows. */
  run(...binds: readonly SqliteBind[]): number;
  all(...binds: readonly SqliteBind[]): SqliteRow[];
  get(...binds: readonly SqliteBind[]): SqliteRow | undefined;
}

export interface SqliteFile {
  readonly path: string;
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  /** Runs `work` in one write transaction; rolled back when it throws, also when the commit itself fails. */
  immediate<T>(work: () => T): T;
  /** One value of a pragma, e.g. `pragma('user_version')`. */
  pragma(source: string): SqliteValue;
  close(): void;
}

/** Binds that libsql survives: whole numbers as 64-bit integers, bytes as Buffer; throws TypeError for everything else. */
export function checkedBinds(binds: readonly unknown[]): (null | string | number | bigint | Uint8Array)[] {
  return binds.map((bind, index) => {
    if (bind === null || typeof bind === 'string' || bind instanceof Uint8Array) return bind;
    if (typeof bind === 'bigint') {
      if (BigInt.asIntN(64, bind) === bind) return bind;
    } else if (typeof bind === 'number') {
      if (Number.isSafeInteger(bind)) return BigInt(bind);
      if (Number.isFinite(bind) && !Number.isInteger(bind)) return bind;
    }
    throw new TypeError(`SQLite parameter ${index + 1} can't be bound: ${typeof bind} ${String(bind)}`);
  });
}

/** A value as libsql returns it under safe integers; throws RangeError for an integer beyond 2^53. */
function exactValue(value: unknown): SqliteValue {
  if (typeof value !== 'bigint') return value as SqliteValue;
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`SQLite returned ${value}, which is beyond 2^53`);
  return number;
}

function exactRow(row: Record<string, unknown>): SqliteRow {
  for (const [name, value] of Object.entries(row)) if (typeof value === 'bigint') row[name] = exactValue(value);
  // libsql adds its timing to the row that get() returns.
  delete row['_metadata'];
  return row as SqliteRow;
}

const pause = new Int32Array(new SharedArrayBuffer(4));
const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('SQLITE_BUSY');

/** Repeats while another process holds a lock that SQLite's own busy handler does not wait for (the switch to WAL). */
function whileBusy<T>(work: () => T, attempts: number): T {
  for (let attempt = 1; ; attempt++) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || attempt >= attempts) throw error;
      Atomics.wait(pause, 0, 0, Math.min(5 * attempt, 50));
    }
  }
}

/**
 * Opens or creates the file (and its folder) in WAL mode with synchronous=FULL: what a commit returned for survives a crash of
 * process and machine. A lock held by another process is waited for up to `busyTimeoutMs`. Throws libsql's SqliteError
 * (`code` SQLITE_…): callers turn it into their port's error with `describeSqliteFailure`.
 */
export function openSqliteFile(
  filePath: string,
  options: { readonly busyTimeoutMs: number; readonly pageBytes?: number },
): SqliteFile {
  makeFolderSync(path.dirname(path.resolve(filePath)));
  const db = new Database(filePath);
  db.defaultSafeIntegers(true);
  const prepare = (sql: string): SqliteStatement => {
    const statement = db.prepare(sql);
    return {
      reader: statement.reader,
      run: (...binds) => Number(statement.run(checkedBinds(binds)).changes),
      all: (...binds) => statement.all(checkedBinds(binds)).map((row) => exactRow(row as Record<string, unknown>)),
      get: (...binds) => {
        const row = statement.get(checkedBinds(binds));
        return row === undefined || row === null ? undefined : exactRow(row as Record<string, unknown>);
      },
    };
  };
  const pragma = (source: string): SqliteValue => {
    const [row] = db.prepare(`PRAGMA ${source}`).all() as Record<string, unknown>[];
    return row === undefined ? null : exactValue(Object.values(row)[0] ?? null);
  };
  try {
    pragma(`busy_timeout=${options.busyTimeoutMs}`);
    // Counts for a file that is created here; an existing one keeps its own.
    if (options.pageBytes !== undefined) pragma(`page_size=${options.pageBytes}`);
    whileBusy(() => pragma('journal_mode=WAL'), 200);
    pragma('synchronous=FULL');
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    path: filePath,
    exec: (sql) => void db.exec(sql),
    prepare,
    immediate: (work) => {
      whileBusy(() => db.exec('BEGIN IMMEDIATE'), 3);
      try {
        const result = work();
        db.exec('COMMIT');
        return result;
      } catch (error) {
        // A full disk may have rolled back already: then there is nothing left to undo.
        if (db.inTransaction) db.exec('ROLLBACK');
        throw error;
      }
    },
    pragma,
    close: () => void db.close(),
  };
}

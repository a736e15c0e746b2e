/**
 * The one place that opens DuckDB. A session is one private in-memory database with a memory bound, a spill folder and UTC as
 * its time zone; it never installs or loads extensions from the network.
 */
import { type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { messageOf } from '../../errors.js';
import { damagedFile } from './damaged-file.js';
import { engineFailure } from './engine-failure.js';

export interface DuckSessionOptions {
  /** Upper bound of DuckDB's buffer manager in bytes (its allocations outside it add some). */
  readonly memoryLimitBytes: number;
  readonly threads?: number;
  /** Where intermediate results spill; created when absent. */
  readonly tempDir: string;
  /** A database file instead of memory, for state that may exceed memory. */
  readonly path?: string;
  /**
   * Keeps the footers of Parquet files that were read, inside the memory bound (24 KB each, the oldest go first): what reads a table of
   * 634 days twice is two to three times faster the second time. Default true.
   */
  readonly keepFooters?: boolean;
}

/** Row values as DuckDB's JSON form: bigint and decimal as strings, timestamps as text, BLOBs escaped. */
export type DuckJsonRow = { readonly [column: string]: unknown };

export interface DuckSession {
  /** For COPY, CREATE, INSERT: the result is dropped. */
  run(sql: string, params?: readonly DuckDBValue[]): Promise<void>;
  /** Rows as DuckDB values: BIGINT as bigint, BLOB as DuckDBBlobValue, TIMESTAMP as DuckDBTimestampValue. */
  rows<Row extends Readonly<Record<string, unknown>>>(sql: string, params?: readonly DuckDBValue[]): Promise<readonly Row[]>;
  /** Rows in JSON form. */
  jsonRows<Row extends DuckJsonRow>(sql: string, params?: readonly DuckDBValue[]): Promise<readonly Row[]>;
  /** The raw connection, for streaming reads and appenders inside `core/engine/duckdb`. */
  readonly connection: DuckDBConnection;
  close(): Promise<void>;
}

export async function openDuckSession(options: DuckSessionOptions): Promise<DuckSession> {
  const instance = await DuckDBInstance.create(options.path ?? ':memory:', {
    memory_limit: `${Math.max(64, Math.floor(options.memoryLimitBytes / 1_000_000))}MB`,
    threads: String(options.threads ?? 2),
    temp_directory: options.tempDir,
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    preserve_insertion_order: 'false',
    // The operating system caches local files well; a second cache cost a quarter of the CPU time of reading many small ones.
    enable_external_file_cache: 'false',
    // A partitioned COPY buffers rows of every partition, 256 KiB or more each, until this many rows are there; no memory limit makes
    // it flush earlier. By default 634 days cost 300 MB; with these, 50 MB, still one file a day from sorted rows.
    partitioned_write_flush_threshold: '8192',
    partitioned_write_max_open_files: '16',
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'").catch(() => undefined); // absent without the icu extension: then UTC is the default
  await connection.run(`SET parquet_metadata_cache = ${options.keepFooters ?? true}`);
  const failing = async <T>(sql: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const message = messageOf(error);
      throw damagedFile(message, error) ?? engineFailure(message, error, { sql: sql.slice(0, 500) });
    }
  };
  const bind = (params: readonly DuckDBValue[] | undefined): DuckDBValue[] | undefined => (params ? [...params] : undefined);
  return {
    connection,
    run: (sql, params) =>
      failing(sql, async () => {
        await connection.run(sql, bind(params));
      }),
    rows: (sql, params) => failing(sql, async () => (await connection.runAndReadAll(sql, bind(params))).getRowObjects() as never),
    jsonRows: (sql, params) =>
      failing(sql, async () => (await connection.runAndReadAll(sql, bind(params))).getRowObjectsJson() as never),
    close: async () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/**
 * Rows that a service computed, on their way into a table: it writes them below `_staging/` of the lake, they are fetched, taken over, and
 * removed, whatever happened. Athena by UNLOAD, which writes any number of partitions because it knows of none; Trino, which has no
 * UNLOAD, into an Iceberg table of a name that no table of the lake can have.
 *
 * What a killed run leaves is swept by the next (gold's lease lets one run at a time), or by `table orphans`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { withoutGlob } from '../engine/duckdb/glob-path.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { StatementAnswer, StatementEngine } from '../engine/statement-engine.js';
import { isKeystoneError, messageOf } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { randomHexId } from '../table/random-names.js';
import type { TableName } from '../table/table-api.js';
import { STAGING_PREFIX } from '../table/data-path.js';

export interface StagedRows {
  /**
   * Has the service write the rows of `sql` and calls `take` with the relation of DuckDB that reads them, null when there are none.
   * `beside`: a table that exists, in whose namespace a staging table may stand.
   */
  stage(
    sql: string,
    by: { readonly execute: (sql: string, hasRows?: boolean) => Promise<StatementAnswer>; readonly beside: TableName },
    take: (rows: string | null) => Promise<void>,
  ): Promise<void>;
  /** Removes what earlier runs left. */
  sweep(namespaces: readonly string[]): Promise<void>;
}

/** The hyphen keeps it from being a name of the lake's. */
const TABLE_PREFIX = 'keystone-stage-';

/** The files that runs on a service left, whatever engine is asked now. Only for who holds gold's lease. */
export const sweepStaging = (lakehouse: Lakehouse): Promise<void> => removeBelow(lakehouse, STAGING_PREFIX);

async function removeBelow(lakehouse: Lakehouse, prefix: string): Promise<void> {
  const store = await lakehouse.store();
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  if (keys.length > 0) await store.delete(keys);
}

export function stagedRows(lakehouse: Lakehouse, engine: StatementEngine, signal: AbortSignal | undefined): StagedRows {
  const run = randomHexId(lakehouse.effects.randomBytes);
  const { logger } = lakehouse.effects;
  let stages = 0;

  const stagingTable = (namespace: string, table: string): string => `${engine.schemaSql(namespace)}.${quoteIdentifier(table)}`;
  const drop = (namespace: string, table: string): Promise<unknown> =>
    engine.execute(`DROP TABLE IF EXISTS ${stagingTable(namespace, table)}`);

  /** Local folder → the files in it that hold rows. */
  const fetchFiles = async (uri: string, folder: string, written: ReadonlySet<string> | null): Promise<readonly string[]> => {
    const { readdir } = await import('node:fs/promises');
    const fetched = await lakehouse.fetch(uri, folder, signal ?? new AbortController().signal).catch((error: unknown) => {
      if (isKeystoneError(error) && error.code === 'KS_NOT_FOUND') return null;
      throw error;
    });
    if (fetched === null) return [];
    const names = (await readdir(fetched)).toSorted();
    return names.filter((name) => written === null || written.has(name)).map((name) => path.join(fetched, name));
  };

  return {
    stage: async (sql, { execute, beside }, take) => {
      const store = await lakehouse.store();
      const [namespace = ''] = beside.split('.');
      const table = `${TABLE_PREFIX}${run}-${stages}`;
      const prefix = `${STAGING_PREFIX}${run}-${stages}/`;
      stages += 1;
      const uri = store.uri(prefix.slice(0, -1));
      const folder = await mkdtemp(path.join(await store.stagingDir(), 'staged-'));
      try {
        let files: readonly string[];
        if (engine.name === 'athena') {
          const target = `TO ${quoteLiteral(`${uri}/`)} WITH (format = 'PARQUET', compression = 'SNAPPY')`;
          await execute(`UNLOAD (${sql}) ${target}`, false);
          files = await fetchFiles(`${uri}/`, folder, null);
        } else {
          const name = stagingTable(namespace, table);
          await execute(`CREATE TABLE ${name} WITH (format = 'PARQUET', location = ${quoteLiteral(uri)}) AS ${sql}`);
          // A writer that was tried again may have left more files than the table has.
          const listed = `SELECT file_path FROM ${stagingTable(namespace, `${table}$files`)}`;
          const { rows } = await engine.execute(listed, signal ? { signal } : {});
          const names = rows.map((row) => path.posix.basename(String(row['file_path'])));
          files = names.length === 0 ? [] : await fetchFiles(`${uri}/data/`, folder, new Set(names));
          if (files.length !== names.length) throw new Error(`${names.length} files are named, ${files.length} were found`);
        }
        const list = files.map((file) => quoteLiteral(withoutGlob(file))).join(', ');
        await take(files.length === 0 ? null : `read_parquet([${list}], hive_partitioning = false)`);
      } finally {
        await rm(folder, { recursive: true, force: true });
        // Not by the signal: an interrupted run cleans up too. What can't be removed now is swept by the next run.
        await (engine.name === 'trino' ? drop(namespace, table) : Promise.resolve())
          .then(() => removeBelow(lakehouse, prefix))
          .catch((error: unknown) => logger?.warn('gold.staging.kept', { place: uri, error: messageOf(error) }));
      }
    },
    sweep: async (namespaces) => {
      if (engine.name === 'trino') {
        for (const namespace of namespaces) {
          const like = quoteLiteral(`${TABLE_PREFIX}%`);
          const left = await engine.execute(
            `SHOW TABLES FROM ${engine.schemaSql(namespace)} LIKE ${like}`,
            signal ? { signal } : {},
          );
          for (const row of left.rows) for (const name of Object.values(row)) await drop(namespace, String(name));
        }
      }
      await sweepStaging(lakehouse);
    },
  };
}

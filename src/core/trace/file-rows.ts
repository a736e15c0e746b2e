/** Rows of data files together with the file and the row number that each came from. */
import { withoutGlob } from '../engine/duckdb/glob-path.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import type { ObjectStore } from '../store/object-store.js';
import type { DataFile } from '../table/table-api.js';
import type { FileRow } from './traced-event.js';

/**
 * SELECT of `columns` (SQL, names as the files have them) with `_path` (`DataFile.path`) and `_row` (from 0). At least one file. Unlike
 * `scanSql` it reads by name: the row number is not to be had together with a schema of field ids.
 */
export async function fileRowsSql(store: ObjectStore, files: readonly DataFile[], columns: string): Promise<string> {
  const local = await Promise.all(files.map(async ({ path }) => ({ path, local: await store.localPath(store.keyOf(path)) })));
  const isSame = local.every(({ path, local: at }) => path === at);
  const paths = local.map(({ path, local: at }) => `${quoteLiteral(at)}: ${quoteLiteral(path)}`);
  const path = isSame ? 'filename' : `MAP {${paths.join(', ')}}[filename]`;
  const list = local.map(({ local: at }) => quoteLiteral(withoutGlob(at))).join(', ');
  const named = columns === '*' ? '* EXCLUDE (filename, file_row_number)' : columns;
  return (
    `SELECT ${named}, ${path} AS _path, file_row_number AS _row ` +
    `FROM read_parquet([${list}], hive_partitioning = false, filename = true, file_row_number = true)`
  );
}

/** Row groups of files, each file's footer read once. */
export function rowPlaces(session: DuckSession, store: ObjectStore): (path: string, row: number) => Promise<FileRow> {
  const groups = new Map<string, Promise<readonly number[]>>();
  const read = async (path: string): Promise<readonly number[]> => {
    const local = await store.localPath(store.keyOf(path));
    const found = await session.rows<{ rows: bigint }>(
      `SELECT any_value(row_group_num_rows) AS rows FROM parquet_metadata(${quoteLiteral(withoutGlob(local))}) GROUP BY row_group_id ORDER BY row_group_id`,
    );
    return found.map(({ rows }) => Number(rows));
  };
  return async (path, row) => {
    const known = groups.get(path) ?? read(path);
    groups.set(path, known);
    let end = 0;
    const rowGroup = (await known).findIndex((rows) => (end += rows) > row);
    return { file: store.keyOf(path), rowGroup, row };
  };
}

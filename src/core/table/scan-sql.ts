/**
 * SQL that reads data files by field id, so that renamed and added columns come out right whenever a file was written. Only the
 * given files are read, never a folder: replaced files stay there until they expire.
 */
import { withoutGlob } from '../engine/duckdb/glob-path.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { ObjectStore } from '../store/object-store.js';
import { duckType } from './iceberg-type.js';
import type { DataFile, TableField } from './table-api.js';

/** DuckDB's column for the local path of a row's file; no table of ours has such a column. */
const LOCAL_PATH_COLUMN = '__keystone_local_path';

/**
 * A SELECT over `files` with the table's columns under their types, and with `filePathColumn` also the `DataFile.path` of each row.
 * No files give an empty relation of the same columns.
 */
export async function scanSql(
  fields: readonly TableField[],
  files: readonly DataFile[],
  store: ObjectStore,
  options: { readonly filePathColumn?: string } = {},
): Promise<string> {
  const { filePathColumn } = options;
  if (files.length === 0) {
    const columns = fields.map((field) => `CAST(NULL AS ${duckType(field.type)}) AS ${quoteIdentifier(field.name)}`);
    if (filePathColumn !== undefined) columns.push(`CAST(NULL AS VARCHAR) AS ${quoteIdentifier(filePathColumn)}`);
    return `SELECT ${columns.join(', ')} WHERE false`;
  }
  const local = await Promise.all(
    files.map(async (file) => ({ path: file.path, local: await store.localPath(store.keyOf(file.path)) })),
  );
  const schema = fields.map(
    (field) =>
      `${field.id}: {name: ${quoteLiteral(field.name)}, type: ${quoteLiteral(duckType(field.type))}, default_value: NULL}`,
  );
  const columns = fields.map((field) => quoteIdentifier(field.name));
  if (filePathColumn !== undefined) {
    const isSame = local.every((file) => file.path === file.local);
    const paths = local.map((file) => `${quoteLiteral(file.local)}: ${quoteLiteral(file.path)}`);
    const column = quoteIdentifier(LOCAL_PATH_COLUMN);
    columns.push(`${isSame ? column : `MAP {${paths.join(', ')}}[${column}]`} AS ${quoteIdentifier(filePathColumn)}`);
  }
  const list = local.map((file) => quoteLiteral(withoutGlob(file.local))).join(', ');
  const filename = filePathColumn === undefined ? '' : `, filename = ${quoteLiteral(LOCAL_PATH_COLUMN)}`;
  return (
    `SELECT ${columns.join(', ')} FROM read_parquet([${list}], hive_partitioning = false${filename}, ` +
    `schema = MAP {${schema.join(', ')}})`
  );
}

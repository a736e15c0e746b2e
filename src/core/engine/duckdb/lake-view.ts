/** Makes a lake table readable in a DuckDB session: a view over the files of one snapshot, nothing is copied. */
import type { ObjectStore } from '../../store/object-store.js';
import { scanSql } from '../../table/scan-sql.js';
import type { DataFile, TableField, TableName } from '../../table/table-api.js';
import { quoteIdentifier, quoteQualified } from '../sql-text.js';
import type { DuckSession } from './duck-session.js';

/** Creates or replaces the view `<namespace>.<name>` over `files`; no files give a typed empty relation. */
export async function createLakeView(
  session: DuckSession,
  name: TableName,
  fields: readonly TableField[],
  files: readonly DataFile[],
  store: ObjectStore,
): Promise<void> {
  await session.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(name.split('.')[0] ?? '')}`);
  await session.run(`CREATE OR REPLACE VIEW ${quoteQualified(name)} AS ${await scanSql(fields, files, store)}`);
}

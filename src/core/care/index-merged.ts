/** What lies beside a merged data file. */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { indexDataFiles } from '../bronze/index-data-file.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { DataFile, Table } from '../table/table-api.js';

/** Bronze's data files are found by event id through an index beside them. */
export async function indexMerged(session: DuckSession, table: Table, file: DataFile): Promise<void> {
  if (table.name === BRONZE_EVENTS.name) await indexDataFiles(session, table.store, [file]);
}

/** A small table and rows for it, used by the tests of tables. */
import { openDuckSession, type DuckSession } from '../../../src/core/engine/duckdb/duck-session.js';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import type { ObjectStore } from '../../../src/core/store/object-store.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import type { DataFile, Table, TableDefinition } from '../../../src/core/table/table-api.js';
import { ensureTable } from '../../../src/core/table/table.js';
import { writeDataFiles } from '../../../src/core/table/write-data-files.js';
import { onTestFinished } from 'vitest';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

export const ORDERS: TableDefinition = {
  name: 'silver.orders',
  fields: [
    { id: 1, name: 'order_id', type: 'string', required: true },
    { id: 2, name: 'purchased_at', type: 'timestamp', required: false },
    { id: 3, name: 'price', type: 'decimal(12,2)', required: false },
    { id: 4, name: 'items', type: 'int', required: false },
  ],
  partition: [{ column: 'purchased_at', transform: 'day' }],
  properties: { 'write.parquet.compression-codec': 'zstd' },
};

export interface TableUnderTest {
  readonly dir: string;
  readonly store: ObjectStore;
  readonly table: Table;
}

export async function freshTable(definition: TableDefinition = ORDERS): Promise<TableUnderTest> {
  const dir = await tempDir();
  const store = await openFolderStore(dir);
  const table = await ensureTable(openFolderCatalog(store), store, definition, systemEffects());
  return { dir, store, table };
}

export async function duck(): Promise<DuckSession> {
  const session = await openDuckSession({ memoryLimitBytes: 400_000_000, threads: 2, tempDir: await tempDir() });
  onTestFinished(() => session.close());
  return session;
}

let written = 0;

/** Data files of `sql`'s rows under fresh names. */
export async function write(session: DuckSession, table: Table, sql: string): Promise<readonly DataFile[]> {
  const call = ++written;
  return writeDataFiles(session, table, sql, { fileName: (n) => `f${call}-${n}` });
}

/** Rows whose order ids are the numbers `from` to `to` - 1, all on one day. */
export const rowsSql = (from: number, to: number, day = '2017-10-02'): string =>
  `SELECT 'o' || lpad(range::VARCHAR, 8, '0') AS order_id, TIMESTAMP '${day} 10:00:00' AS purchased_at, (range / 100)::DECIMAL(12,2) AS price, ` +
  `range::INT AS items FROM range(${from}, ${to})`;

/** A data file that only the metadata knows: for tests of commits, which never open data files. */
export const bareFile = (table: Table, name: string, recordCount = 1): DataFile => ({
  path: `${table.location}/data/${name}.parquet`,
  recordCount,
  sizeBytes: 100,
  partition: { purchased_at_day: 17_441 },
  metrics: {},
  specId: 0,
});

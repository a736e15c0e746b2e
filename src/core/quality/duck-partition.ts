/** A partition of silver in DuckDB: over the files that may hold its rows. */
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { duckTypeOf, LINEAGE_COLUMNS } from '../silver/silver-table.js';
import { scanSql } from '../table/scan-sql.js';
import type { Table } from '../table/table-api.js';
import { countFailures } from './count-failures.js';
import type { PartitionRange } from './partition-range.js';
import type { PartitionRows } from './partition-rows.js';
import { sampleSilver } from './sample-failures.js';

export async function duckPartition(
  lakehouse: Lakehouse,
  session: DuckSession,
  table: Table,
  contract: Contract,
  range: PartitionRange,
): Promise<PartitionRows> {
  const { fields, currentSnapshot } = await table.state();
  const { files } = await table.scan({ ...range.scan, ...(currentSnapshot ? { snapshotId: currentSnapshot.id } : {}) });
  // Columns that the table lacks so far are null.
  const columns = contract.columns.map((column) =>
    fields.some((field) => field.name === column.name)
      ? quoteIdentifier(column.name)
      : `CAST(NULL AS ${duckTypeOf(column.type)}) AS ${quoteIdentifier(column.name)}`,
  );
  const source = await scanSql(fields, files, await lakehouse.store());
  const rows = `(SELECT ${[...LINEAGE_COLUMNS, ...columns].join(', ')} FROM (${source}) WHERE ${range.rowsSql})`;
  const bytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return {
    count: (checks) => countFailures(session, rows, checks),
    sample: (checks, limit) => sampleSilver(session, rows, checks, contract.key, limit),
    bytesScanned: () => bytes,
  };
}

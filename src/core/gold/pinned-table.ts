/** An input of a model as it stood at one moment: every query of a run reads the same files, whatever is committed meanwhile. */
import { KeystoneError } from '../errors.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { createLakeView } from '../engine/duckdb/lake-view.js';
import type { Lakehouse } from '../lakehouse.js';
import { silverTable } from '../silver/silver-table.js';
import type { DataFile, Snapshot, Table, TableField, TableName } from '../table/table-api.js';

export interface PinnedTable {
  readonly name: TableName;
  /** null: the table does not exist yet, only its columns are known from the contract. */
  readonly table: Table | null;
  readonly fields: readonly TableField[];
  readonly snapshot: Snapshot | null;
  /** All snapshots that can still be read, oldest first. */
  readonly snapshots: readonly Snapshot[];
  readonly files: readonly DataFile[];
  readonly recordCount: number;
}

/**
 * A silver table that has no data yet is an empty relation with its contract's columns. Returns null for an absent gold table;
 * throws KS_NOT_FOUND for anything else that does not exist.
 */
export async function pinTable(lakehouse: Lakehouse, name: TableName): Promise<PinnedTable | null> {
  const table = await lakehouse.table(name);
  if (!table) {
    if (name.startsWith('gold.')) return null;
    const contract = (await lakehouse.contracts()).get(name.replace(/^silver\./, ''));
    if (!name.startsWith('silver.') || !contract) {
      throw new KeystoneError('KS_NOT_FOUND', `a model reads ${name}, which is neither a table nor a dataset with a contract`, {
        hint: 'keystone contract list names the datasets, keystone table list the tables',
      });
    }
    return { name, table: null, fields: silverTable(contract).fields, snapshot: null, snapshots: [], files: [], recordCount: 0 };
  }
  const state = await table.state();
  const { currentSnapshot: snapshot, fields, snapshots } = state;
  const scan = snapshot ? await table.scan({ snapshotId: snapshot.id }) : { files: [], recordCount: 0 };
  return { name, table, fields, snapshot, snapshots, files: scan.files, recordCount: scan.recordCount };
}

/** Makes the pinned files readable under the table's name. */
export async function viewPinned(lakehouse: Lakehouse, session: DuckSession, pinned: PinnedTable): Promise<void> {
  await createLakeView(session, pinned.name, pinned.fields, pinned.files, await lakehouse.store());
}

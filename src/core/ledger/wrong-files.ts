/** Part of the deep account: the data files themselves against their manifests. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import { isKeystoneError, messageOf } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { DataFile, Snapshot, Table } from '../table/table-api.js';
import type { AccountBreak } from './account.js';

/** Every data file is there and holds as many rows as its manifest says; `unreadable` are the paths of those that cannot be opened. */
export async function wrongFiles(
  lakehouse: Lakehouse,
  session: DuckSession,
  tables: Iterable<{ readonly table: Table; readonly snapshot: Snapshot | null }>,
): Promise<{ readonly breaks: AccountBreak[]; readonly unreadable: ReadonlySet<string> }> {
  const store = await lakehouse.store();
  const breaks: AccountBreak[] = [];
  const unreadable = new Set<string>();
  for (const { table, snapshot } of tables) {
    if (!snapshot) continue;
    const { files } = await table.scan({ snapshotId: snapshot.id });
    for (const file of files) {
      const wrong = await wrongFile(session, await store.localPath(store.keyOf(file.path)), file);
      if (wrong === null) continue;
      if (!wrong.readable) unreadable.add(file.path);
      breaks.push({ kind: 'file', table: table.name, detail: `${file.path}: ${wrong.detail}`, count: 1, offsets: [] });
    }
  }
  return { breaks, unreadable };
}

async function wrongFile(
  session: DuckSession,
  localPath: string,
  file: DataFile,
): Promise<{ readonly detail: string; readonly readable: boolean } | null> {
  try {
    const [footer] = await session.rows<{ rows: bigint }>(
      `SELECT num_rows AS rows FROM parquet_file_metadata(${quoteLiteral(localPath)})`,
    );
    const rows = Number(footer?.rows ?? 0n);
    if (rows === file.recordCount) return null;
    return { detail: `holds ${rows} rows, its manifest says ${file.recordCount}`, readable: true };
  } catch (error) {
    if (isKeystoneError(error)) return { detail: `cannot be read: ${messageOf(error).slice(0, 200)}`, readable: false };
    throw error;
  }
}

/** What changed in an input since a model last read it: the files that came and went, and from them the rows. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { LINEAGE_COLUMNS } from '../silver/silver-table.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile } from '../table/table-api.js';
import type { PinnedTable } from './pinned-table.js';

export type InputChange =
  | { readonly kind: 'same' }
  | {
      readonly kind: 'files';
      readonly added: readonly DataFile[];
      readonly removed: readonly DataFile[];
      /** The snapshot that was read, which holds `removed`; null: the input had none. */
      readonly before: bigint | null;
    }
  /** The snapshot that was read is no longer known: nothing can be said. */
  | { readonly kind: 'unknown' };

/** `readId`: the snapshot of the input that the model last read (null: the input had none). */
export async function inputChange(input: PinnedTable, readId: bigint | null): Promise<InputChange> {
  if ((input.snapshot?.id ?? null) === readId) return { kind: 'same' };
  if (readId !== null && !input.snapshots.some((snapshot) => snapshot.id === readId)) return { kind: 'unknown' };
  const before = readId === null || !input.table ? [] : (await input.table.scan({ snapshotId: readId })).files;
  const beforePaths = new Set(before.map((file) => file.path));
  const nowPaths = new Set(input.files.map((file) => file.path));
  const added = input.files.filter((file) => !beforePaths.has(file.path));
  const removed = before.filter((file) => !nowPaths.has(file.path));
  return added.length === 0 && removed.length === 0 ? { kind: 'same' } : { kind: 'files', added, removed, before: readId };
}

/**
 * Creates the table `changed`: rows of the input that came or went, by their data alone. Rewritten files cancel out: a row that
 * moved from one file to another did not change, nor did one that was sent again under another offset.
 */
export async function createChangedRows(
  lakehouse: Lakehouse,
  session: DuckSession,
  input: PinnedTable,
  change: InputChange & { readonly kind: 'files' },
): Promise<void> {
  const store = await lakehouse.store();
  const lineage: ReadonlySet<string> = new Set(input.name.startsWith('silver.') ? LINEAGE_COLUMNS : []);
  const columns = input.fields
    .filter((field) => !lineage.has(field.name))
    .map((field) => quoteIdentifier(field.name))
    .join(', ');
  const rows = async (files: readonly DataFile[]): Promise<string> =>
    `(SELECT ${columns} FROM (${await scanSql(input.fields, files, store)}) AS rows)`;
  const [added, removed] = [await rows(change.added), await rows(change.removed)];
  await session.run(`CREATE OR REPLACE TABLE main.changed AS
    (${added} EXCEPT ALL ${removed}) UNION ALL (${removed} EXCEPT ALL ${added})`);
}

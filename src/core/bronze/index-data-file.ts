/** Makes the id index of data files that have none: merged files, and those whose index file was lost. */
import { withoutGlob } from '../engine/duckdb/glob-path.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import type { ObjectStore } from '../store/object-store.js';
import type { DataFile } from '../table/table-api.js';
import { type FileFilter, growingFilter } from './id-index.js';
import { dataFileName, idIndexKey, putIdIndex } from './index-files.js';

/** Ids that are held at once. */
const ROWS_AT_ONCE = 50_000;

/**
 * Reads ids and keys of the data files and writes their index files. Files that one commit landed share an index file, so all of them
 * that are live must be given together. `onFile` is told the number of files done. Resolves to the filters, in the order of `files`.
 */
export async function indexDataFiles(
  session: DuckSession,
  store: ObjectStore,
  files: readonly Pick<DataFile, 'path' | 'recordCount'>[],
  onFile: (done: number) => void = () => undefined,
): Promise<readonly FileFilter[]> {
  const filters: FileFilter[] = [];
  const byKey = new Map<string, FileFilter[]>();
  for (const file of files) {
    const filter = await filterOfFile(session, store, file);
    filters.push(filter);
    const key = idIndexKey(file.path);
    const together = byKey.get(key);
    if (together) together.push(filter);
    else byKey.set(key, [filter]);
    onFile(filters.length);
  }
  for (const [key, together] of byKey) await putIdIndex(store, key, together);
  return filters;
}

interface IdRow extends Readonly<Record<string, unknown>> {
  readonly event_id: string;
  readonly key: { readonly bytes: Uint8Array } | null;
}

async function filterOfFile(
  session: DuckSession,
  store: ObjectStore,
  file: Pick<DataFile, 'path' | 'recordCount'>,
): Promise<FileFilter> {
  const local = quoteLiteral(withoutGlob(await store.localPath(store.keyOf(file.path))));
  const source = `read_parquet(${local}, hive_partitioning = false, file_row_number = true)`;
  const [counted] = await session.rows<{ n: bigint }>(`SELECT count(event_id) + count("key") AS n FROM ${source}`);
  const { filter, add } = growingFilter(dataFileName(file.path), Number(counted?.n ?? 0n));
  const encoder = new TextEncoder();
  for (let from = 0; from < file.recordCount; from += ROWS_AT_ONCE) {
    const rows = await session.rows<IdRow>(
      `SELECT event_id, "key" FROM ${source} WHERE file_row_number >= ${from} AND file_row_number < ${from + ROWS_AT_ONCE}`,
    );
    for (const { event_id: id, key } of rows) add({ eventId: encoder.encode(id), key: key && key.bytes });
  }
  return filter;
}

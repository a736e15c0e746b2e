/** Writes the rows of several data files of one partition as one, under the spec and partition value that they have. */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { KeystoneError } from '../errors.js';
import { copyToParquet } from '../table/parquet-copy.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile, Table, TableState } from '../table/table-api.js';
import type { MergeGroup } from './plan-compaction.js';

/** Uncompressed bytes after which a row group ends: bounds what the writer holds of rows with large payloads. */
const ROW_GROUP_BYTES = 32_000_000;

/**
 * Resolves once the file is durable in the store; nothing is committed. Throws KS_TABLE_CORRUPT when the files do not hold the rows that
 * their manifests say.
 */
export async function mergeFiles(
  session: DuckSession,
  table: Table,
  state: TableState,
  group: MergeGroup,
  /** Without extension, unique. */
  name: string,
): Promise<DataFile> {
  const { store } = table;
  const stage = await mkdtemp(path.join(await store.stagingDir(), 'merge-'));
  try {
    const [copied] = await copyToParquet(
      session,
      await scanSql(state.fields, group.files, store),
      path.join(stage, `${name}.parquet`),
      {
        fields: state.fields,
        codec: state.properties['write.parquet.compression-codec'] ?? 'zstd',
        rowGroupBytes: ROW_GROUP_BYTES,
      },
    );
    if (copied?.recordCount !== group.recordCount) {
      throw new KeystoneError(
        'KS_TABLE_CORRUPT',
        `${table.name}: ${group.files.length} files hold ${copied?.recordCount ?? 0} rows, their manifests say ${group.recordCount}; they are left as they are`,
        {
          hint: 'keystone ledger verify --deep names the file',
          details: { table: table.name, firstFile: group.files[0]?.path ?? '' },
        },
      );
    }
    const [first] = group.files;
    const folder = store.keyOf(first?.path ?? '').replace(/[^/]+$/, '');
    const key = `${folder}${name}.parquet`;
    await store.putFile(key, copied.localPath);
    const { recordCount, sizeBytes, metrics } = copied;
    return { path: store.uri(key), recordCount, sizeBytes, partition: group.partition, metrics, specId: group.specId };
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
}

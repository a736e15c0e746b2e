/**
 * Writes rows as data files of a table: staged beside the store by DuckDB, one file for each partition, then taken into the store.
 *
 * Rows are sorted by partition first, which keeps DuckDB from opening a file for each partition in each thread (it wrote 1.8 files
 * for each of 634 days otherwise); the few partitions on a border between two threads come out in two pieces and are joined.
 * A COPY takes a group of partitions at a time: its buffers cost about 350 KB for each partition and thread however few rows there
 * are, and no memory limit bounds them (6,000 rows in 634 days needed more than 220 MB).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import { dataFileKey } from './data-path.js';
import { eachBounded } from './each-bounded.js';
import { duckType } from './iceberg-type.js';
import { type CopiedFile, copyToParquet } from './parquet-copy.js';
import { transformSql } from './partition-spec.js';
import { valueOfText } from './single-value.js';
import type { DataFile, PartitionField, TableField, TableState, WriteDataFiles } from './table-api.js';

const DEFAULT_CODEC = 'zstd';
/** Files that are flushed into the store at the same time. */
const CONCURRENT_PUTS = 16;

export const writeDataFiles: WriteDataFiles = async (session, table, sql, { fileName }) => {
  const state = await table.state();
  const { store } = table;
  const stage = await mkdtemp(path.join(await store.stagingDir(), 'write-'));
  const stored: string[] = [];
  try {
    const select = `SELECT ${await castColumns(session, sql, state.fields, table.name)} FROM (${sql})`;
    const copied = await copyPartitions(session, select, stage, state);
    const files = copied.map((file, n): { readonly file: DataFile; readonly key: string; readonly localPath: string } => {
      const partition = partitionValues(file, state);
      const key = dataFileKey(table.name, state.partition, partition, `${fileName(n)}.parquet`);
      const { recordCount, sizeBytes, metrics } = file;
      return {
        key,
        localPath: file.localPath,
        file: { path: store.uri(key), recordCount, sizeBytes, partition, metrics, specId: state.specId },
      };
    });
    await eachBounded(files, CONCURRENT_PUTS, async ({ key, localPath }) => {
      stored.push(key);
      await store.putFile(key, localPath);
    });
    return files.map(({ file }) => file);
  } catch (error) {
    await store.delete(stored).catch(() => undefined); // the first error is the one that counts
    throw error;
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
};

/**
 * Every column of the table, by name, cast to exactly the table's type: DuckDB widens decimals in arithmetic, and readers refuse a
 * file whose type is wider than the schema's. Optional columns that the query does not have are null.
 */
async function castColumns(session: DuckSession, sql: string, fields: readonly TableField[], table: string): Promise<string> {
  const described = await session.jsonRows<{ readonly column_name: string }>(`DESCRIBE ${sql}`);
  const given = new Set(described.map(({ column_name: name }) => name.toLowerCase()));
  const missing = fields.find((field) => field.required && !given.has(field.name.toLowerCase()));
  if (missing) {
    throw new KeystoneError('KS_INTERNAL', `the rows for ${table} have no column "${missing.name}", which the table requires`);
  }
  return fields
    .map((field) => {
      const name = quoteIdentifier(field.name);
      return `CAST(${given.has(field.name.toLowerCase()) ? name : 'NULL'} AS ${duckType(field.type)}) AS ${name}`;
    })
    .join(', ');
}

/** Partitions that one COPY writes: bounds its memory. */
const PARTITIONS_IN_COPY = 64;
const GROUP_COLUMN = '__keystone_group';

const partitionColumn = (index: number): string => `__keystone_partition_${index}`;

/** One staged file for each partition that has rows. */
async function copyPartitions(
  session: DuckSession,
  select: string,
  stage: string,
  state: TableState,
): Promise<readonly CopiedFile[]> {
  const { fields, partition } = state;
  const codec = state.properties['write.parquet.compression-codec'] ?? DEFAULT_CODEC;
  if (partition.length === 0) return copyToParquet(session, select, path.join(stage, 'all.parquet'), { fields, codec });
  const keys = partition.map((field, i) => `${transformSql(field)} AS ${partitionColumn(i)}`);
  const partitionBy = partition.map((_, i) => partitionColumn(i));
  const by = partitionBy.join(', ');
  const rows = `keystone_rows_${path.basename(stage).replaceAll(/\W/g, '_')}`;
  const pieces: CopiedFile[] = [];
  await session.run(`CREATE TEMP TABLE ${rows} AS SELECT *, ${keys.join(', ')} FROM (${select})`);
  try {
    const groupOf = `SELECT ${by}, (row_number() OVER (ORDER BY ${by}) - 1) // ${PARTITIONS_IN_COPY} AS ${GROUP_COLUMN} FROM (SELECT DISTINCT ${by} FROM ${rows})`;
    const [last] = await session.rows<{ readonly n: bigint | null }>(`SELECT max(${GROUP_COLUMN}) AS n FROM (${groupOf})`);
    const same = partitionBy.map((column) => `r.${column} IS NOT DISTINCT FROM g.${column}`).join(' AND ');
    for (let group = 0n; last?.n !== null && last !== undefined && group <= last.n; group++) {
      const sorted =
        last.n === 0n
          ? `SELECT * FROM ${rows} ORDER BY ${by}`
          : `SELECT r.* FROM ${rows} r JOIN (${groupOf}) g ON ${same} WHERE g.${GROUP_COLUMN} = ${group} ORDER BY ${partitionBy.map((column) => `r.${column}`).join(', ')}`;
      pieces.push(...(await copyToParquet(session, sorted, path.join(stage, `parts-${group}`), { fields, codec, partitionBy })));
    }
  } finally {
    await session.run(`DROP TABLE ${rows}`);
  }
  const groups = new Map<string, CopiedFile[]>();
  for (const piece of pieces) {
    const key = JSON.stringify(partitionBy.map((column) => piece.partitionKeys[column]));
    const group = groups.get(key);
    if (group) group.push(piece);
    else groups.set(key, [piece]);
  }
  const files: CopiedFile[] = [];
  for (const group of groups.values())
    files.push(await joined(session, group, path.join(stage, `joined-${files.length}.parquet`), fields, codec));
  return files;
}

async function joined(
  session: DuckSession,
  pieces: readonly CopiedFile[],
  target: string,
  fields: readonly TableField[],
  codec: string,
): Promise<CopiedFile> {
  const first = pieces[0] as CopiedFile;
  if (pieces.length === 1) return first;
  const list = pieces.map(({ localPath }) => quoteLiteral(localPath)).join(', ');
  const select = `SELECT * FROM read_parquet([${list}], hive_partitioning = false)`;
  const [whole] = await copyToParquet(session, select, target, { fields, codec });
  return { ...(whole as CopiedFile), partitionKeys: first.partitionKeys };
}

function partitionValues(file: CopiedFile, state: TableState): DataFile['partition'] {
  return Object.fromEntries(
    state.partition.map((field, i) => {
      const text = file.partitionKeys[partitionColumn(i)] ?? null;
      return [field.name, text === null ? null : partitionValue(text, field, state.fields)];
    }),
  );
}

function partitionValue(text: string, field: PartitionField, fields: readonly TableField[]): string | number | boolean {
  if (field.transform !== 'identity') return Number(text);
  const type = fields.find(({ name }) => name === field.column)?.type;
  const value = typeof type === 'string' ? valueOfText(type, text) : null;
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw new KeystoneError('KS_TABLE_UNSUPPORTED', `"${text}" can't be a partition value of "${field.column}"`, {
    hint: 'Partition by a column of type boolean, int, long, string or date, or by the day, month or year of a timestamp.',
  });
}

/**
 * One Parquet file for each topic-partition and partition of the table (its day, as it begins) of a batch, written from an Arrow
 * record batch, described as Iceberg data files. Names say what a file holds: `<topic>-<partition>-<firstOffset>-<lastOffset>-<commit id>.parquet`.
 * The id index of the batch is written beside them.
 */
import { open, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { tableToIPC } from 'apache-arrow';
import type { ObjectStore } from '../store/object-store.js';
import { dataFileKey } from '../table/data-path.js';
import { encodeBound, encodeBounds } from '../table/single-value.js';
import type { DataFile, DataFileMetrics, Table, TableState } from '../table/table-api.js';
import { bronzeArrowTable } from './bronze-arrow.js';
import { bronzePartition, namedPartition, type PartitionValue } from './bronze-partition.js';
import type { BronzeRecord } from './bronze-record.js';
import { filterOf } from './id-index.js';
import { dataFileName, idIndexKey, putIdIndex } from './index-files.js';

// The package's Node build is CommonJS; its ESM entry wants a browser.
const parquet = createRequire(import.meta.url)('parquet-wasm') as typeof import('parquet-wasm');

export interface BronzeFileOptions {
  /** Unique for the commit; part of every file name. */
  readonly commitId: string;
  readonly ingestedAtUs: number;
}

/**
 * Offsets within each group rise; `records` may mix topic-partitions and days. Written under the spec that the table has now; a spec
 * that changes before the commit leaves them valid under the one they name. Resolves once the files are durable.
 */
export async function writeBronzeFiles(
  table: Table,
  store: ObjectStore,
  records: readonly BronzeRecord[],
  options: BronzeFileOptions,
): Promise<readonly DataFile[]> {
  const layout = await table.state();
  const partitionOf = bronzePartition(layout.partition);
  const groups = new Map<string, RowGroup>();
  const groupOf = (one: BronzeRecord, values: readonly PartitionValue[]): RowGroup => {
    const name = `${one.topic}\u0000${one.partition}\u0000${JSON.stringify(values)}`;
    const known = groups.get(name);
    if (known) return known;
    const group: RowGroup = { rows: [], partition: namedPartition(layout.partition, values) };
    groups.set(name, group);
    return group;
  };
  let last: { readonly row: BronzeRecord; readonly values: readonly PartitionValue[]; readonly group: RowGroup } | null = null;
  for (const row of records) {
    const values = partitionOf(row);
    // Neighbours mostly go together: a name for each row cost more than all the rest of it.
    const isSame = last?.row.partition === row.partition && last.row.topic === row.topic && areEqual(last.values, values);
    if (!last || !isSame) last = { row, values, group: groupOf(row, values) };
    last.group.rows.push(row);
  }
  const files: DataFile[] = [];
  for (const group of groups.values()) files.push(await writeGroup(table, store, layout, group, options));
  await indexGroups(store, files, [...groups.values()]);
  return files;
}

const areEqual = (one: readonly PartitionValue[], other: readonly PartitionValue[]): boolean =>
  one.every((value, i) => value === other[i]);

/** One index file for the whole batch. What finds events by id makes it anew where it is missing, so a failure here is not landing's. */
async function indexGroups(store: ObjectStore, files: readonly DataFile[], groups: readonly RowGroup[]): Promise<void> {
  const [first] = files;
  if (!first) return;
  const filters = files.map((file, index) => filterOf(dataFileName(file.path), groups[index]?.rows ?? []));
  await putIdIndex(store, idIndexKey(first.path), filters).catch(() => undefined);
}

interface RowGroup {
  readonly rows: BronzeRecord[];
  readonly partition: DataFile['partition'];
}

async function writeGroup(
  table: Table,
  store: ObjectStore,
  layout: TableState,
  { rows, partition }: RowGroup,
  { commitId, ingestedAtUs }: BronzeFileOptions,
): Promise<DataFile> {
  const first = rows[0] as BronzeRecord;
  const last = rows.at(-1) as BronzeRecord;
  const body = encodeParquet(rows, ingestedAtUs);
  const topic = first.topic.replaceAll(/[^A-Za-z0-9._-]/g, '_');
  const name = `${topic}-${first.partition}-${first.offset}-${last.offset}-${commitId}`;
  const key = dataFileKey(table.name, layout.partition, partition, `${name}.parquet`);
  const staged = path.join(await store.stagingDir(), `${name}.parquet`);
  try {
    const file = await open(staged, 'w');
    try {
      await file.writeFile(body);
    } finally {
      await file.close();
    }
    await store.putFile(key, staged);
  } catch (error) {
    await rm(staged, { force: true });
    throw error;
  }
  return {
    path: store.uri(key),
    recordCount: rows.length,
    sizeBytes: body.length,
    partition,
    metrics: metricsOf(rows, ingestedAtUs),
    specId: layout.specId,
  };
}

/** A dictionary of values that hardly repeat is built only to be thrown away. */
const UNIQUE_COLUMNS = ['kafka_offset', 'log_time', 'event_id', 'key', 'payload'];
/** Row groups are skipped by these; files by the bounds in the manifest. */
const PRUNED_COLUMNS = ['kafka_partition', 'kafka_offset', 'log_time', 'dataset'];

/**
 * Arrow to Parquet. Snappy, whatever the table's codec: zstd in WebAssembly costs three times the rest of the encoding. Compaction, which
 * compresses natively, merges these files into the table's codec (half the bytes).
 */
function encodeParquet(rows: readonly BronzeRecord[], ingestedAtUs: number): Uint8Array {
  let builder = new parquet.WriterPropertiesBuilder()
    .setCompression(parquet.Compression.SNAPPY)
    .setStatisticsEnabled(parquet.EnabledStatistics.None)
    .setMaxRowGroupSize(65_536);
  for (const column of UNIQUE_COLUMNS) builder = builder.setColumnDictionaryEnabled(column, false);
  for (const column of PRUNED_COLUMNS) builder = builder.setColumnStatisticsEnabled(column, parquet.EnabledStatistics.Chunk);
  const properties = builder.build();
  const arrow = parquet.Table.fromIPCStream(tableToIPC(bronzeArrowTable(rows, ingestedAtUs), 'stream'));
  return parquet.writeParquet(arrow, properties); // takes both arguments over and frees them
}

/** Counts, and bounds for the columns that scans prune by (field ids of `BRONZE_FIELDS`). */
function metricsOf(rows: readonly BronzeRecord[], ingestedAtUs: number): DataFileMetrics {
  const first = rows[0] as BronzeRecord;
  const last = rows.at(-1) as BronzeRecord;
  let minTime = first.timestampUs;
  let maxTime = first.timestampUs;
  let minDataset = first.dataset;
  let maxDataset = minDataset;
  let nullSources = 0;
  let nullKeys = 0;
  let nullPayloads = 0;
  for (const { timestampUs, dataset, source, key, payload } of rows) {
    if (timestampUs < minTime) minTime = timestampUs;
    if (timestampUs > maxTime) maxTime = timestampUs;
    if (dataset < minDataset) minDataset = dataset;
    if (dataset > maxDataset) maxDataset = dataset;
    if (source === null) nullSources++;
    if (key === null) nullKeys++;
    if (payload === null) nullPayloads++;
  }
  const bounds = (side: 'lower' | 'upper'): Map<number, Uint8Array> => {
    const upper = side === 'upper';
    const out = new Map<number, Uint8Array>();
    const put = (id: number, bytes: Uint8Array | null): void => {
      if (bytes) out.set(id, bytes);
    };
    put(1, encodeBounds('string', first.topic, first.topic)[side]);
    put(2, encodeBound('int', first.partition, side));
    put(3, encodeBound('long', BigInt(upper ? last.offset : first.offset), side));
    put(4, encodeBound('timestamp', BigInt(upper ? maxTime : minTime), side));
    put(5, encodeBound('timestamp', BigInt(ingestedAtUs), side));
    put(7, encodeBound('string', upper ? maxDataset : minDataset, side));
    return out;
  };
  const ids = [1, 2, 3, 4, 5, 6, 7, 8, 9, 14];
  return {
    valueCounts: new Map(ids.map((id) => [id, rows.length])),
    nullCounts: new Map(ids.map((id) => [id, id === 8 ? nullSources : id === 9 ? nullKeys : id === 14 ? nullPayloads : 0])),
    lowerBounds: bounds('lower'),
    upperBounds: bounds('upper'),
  };
}

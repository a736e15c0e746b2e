/**
 * Manifests: which data files a snapshot has, with their metrics. An entry in memory is the port's `DataFile` plus what only the
 * manifest knows; fields that Keystone does not use are kept, so that another writer's files can be carried into a new manifest.
 */
import { type AvroSchema, decodeAvro, encodeAvro } from './avro-file.js';
import { toJson } from './lossless-json.js';
import { checkManifest } from './manifest-checks.js';
import {
  ADDED,
  DELETED,
  type DataFileRecord,
  EXISTING,
  type ManifestFile,
  type ManifestRecord,
  type PartitionSummary,
  avroName,
  canonicalNames,
  manifestSchema,
  partitionFieldIds,
} from './manifest-schema.js';
import { type SpecField, specFields } from './partition-spec.js';
import { type SingleValue, compareValues, encodeValue } from './single-value.js';
import type { DataFile, DataFileMetrics } from './table-api.js';
import { type TableMetadata, currentSchema, specById } from './table-metadata.js';

export interface ManifestEntry {
  readonly status: number;
  readonly snapshotId: bigint;
  /** Data sequence number; null in an entry that its own commit adds (it inherits the commit's). */
  readonly sequenceNumber: number | null;
  readonly fileSequenceNumber: number | null;
  readonly file: DataFile;
  /** What a manifest had of the file besides, when it came from one. */
  readonly record: CarriedRecord | null;
}

type CarriedRecord = Pick<
  DataFileRecord,
  | 'content'
  | 'file_format'
  | 'partition'
  | 'nan_value_counts'
  | 'key_metadata'
  | 'split_offsets'
  | 'equality_ids'
  | 'sort_order_id'
>;

/** Without the metrics, which are in the `DataFile` and are most of a record's memory. */
const carriedOf = (record: DataFileRecord): CarriedRecord => ({
  content: record.content,
  file_format: record.file_format,
  partition: record.partition,
  nan_value_counts: record.nan_value_counts,
  key_metadata: record.key_metadata,
  split_offsets: record.split_offsets,
  equality_ids: record.equality_ids,
  sort_order_id: record.sort_order_id,
});

/** Decodes a manifest; ids and sequence numbers that entries inherit from the manifest are filled in. Throws KS_TABLE_CORRUPT. */
export function readManifest(bytes: Uint8Array, manifest: ManifestFile, metadata: TableMetadata): readonly ManifestEntry[] {
  const { schema, records } = decodeAvro(bytes, manifest.manifest_path, canonicalNames);
  const entries = records as readonly ManifestRecord[];
  checkManifest(entries, bytes.length, manifest);
  const fields = specFields(metadata, manifest.partition_spec_id);
  const nameOf = partitionNames(schema, fields);
  return entries.map((record) => ({
    status: record.status,
    snapshotId: BigInt(record.snapshot_id ?? manifest.added_snapshot_id),
    sequenceNumber: Number(record.sequence_number ?? manifest.sequence_number),
    fileSequenceNumber: Number(record.file_sequence_number ?? manifest.sequence_number),
    file: dataFileOf(record.data_file, manifest.partition_spec_id, nameOf),
    record: carriedOf(record.data_file),
  }));
}

/** Avro name of a partition field → its name in the spec. */
function partitionNames(schema: AvroSchema, fields: readonly SpecField[]): ReadonlyMap<string, string> {
  const names = [...partitionFieldIds(schema)].map(([stored, id]): [string, string] => [
    stored,
    fields.find((field) => field.fieldId === id)?.name ?? stored,
  ]);
  return new Map(names);
}

function dataFileOf(record: DataFileRecord, specId: number, nameOf: ReadonlyMap<string, string>): DataFile {
  return {
    path: record.file_path,
    recordCount: Number(record.record_count),
    sizeBytes: Number(record.file_size_in_bytes),
    partition: Object.fromEntries(
      Object.entries(record.partition).map(([stored, value]) => [nameOf.get(stored) ?? stored, partitionValue(value)]),
    ),
    metrics: metricsOf(record),
    specId,
  };
}

/** As the port says it: bytes (decimal or binary partitions of other engines) as hexadecimal text, unsafe integers as text. */
function partitionValue(value: unknown): string | number | boolean | null {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

const countsOf = (pairs: DataFileRecord['value_counts']): ReadonlyMap<number, number> | undefined =>
  pairs ? new Map(pairs.map(({ key, value }) => [key, Number(value)])) : undefined;
const boundsOf = (pairs: DataFileRecord['lower_bounds']): ReadonlyMap<number, Uint8Array> | undefined =>
  pairs ? new Map(pairs.map(({ key, value }) => [key, value])) : undefined;

function metricsOf(record: DataFileRecord): DataFileMetrics {
  return withoutUndefined({
    columnSizes: countsOf(record.column_sizes),
    valueCounts: countsOf(record.value_counts),
    nullCounts: countsOf(record.null_value_counts),
    lowerBounds: boundsOf(record.lower_bounds),
    upperBounds: boundsOf(record.upper_bounds),
  });
}

/** exactOptionalPropertyTypes: an absent metric is an absent key. */
const withoutUndefined = (metrics: { readonly [K in keyof DataFileMetrics]: DataFileMetrics[K] | undefined }): DataFileMetrics =>
  Object.fromEntries(Object.entries(metrics).filter(([, value]) => value !== undefined));

export interface WrittenManifest {
  readonly bytes: Uint8Array;
  readonly manifest: ManifestFile;
}

/** Encodes entries under one spec as a manifest of the commit `snapshotId`/`sequenceNumber`, to be stored at `path`. */
export function writeManifest(
  metadata: TableMetadata,
  options: {
    readonly specId: number;
    readonly entries: readonly ManifestEntry[];
    readonly snapshotId: bigint;
    readonly sequenceNumber: number;
    readonly path: string;
  },
): WrittenManifest {
  const { specId, entries, snapshotId, sequenceNumber, path } = options;
  const fields = specFields(metadata, specId);
  const schema = currentSchema(metadata);
  const bytes = encodeAvro(
    manifestSchema(fields),
    entries.map((entry) => recordOf(entry, fields)),
    {
      schema: toJson(schema as never),
      'schema-id': String(schema['schema-id']),
      'partition-spec': toJson(specById(metadata, specId).fields as never),
      'partition-spec-id': String(specId),
      'format-version': '2',
      content: 'data',
    },
  );
  const by = (status: number): readonly ManifestEntry[] => entries.filter((entry) => entry.status === status);
  const rows = (status: number): number => by(status).reduce((sum, entry) => sum + entry.file.recordCount, 0);
  const live = entries.filter((entry) => entry.status !== DELETED);
  return {
    bytes,
    manifest: {
      manifest_path: path,
      manifest_length: bytes.length,
      partition_spec_id: specId,
      content: 0,
      sequence_number: sequenceNumber,
      min_sequence_number: live.reduce((least, entry) => Math.min(least, entry.sequenceNumber ?? sequenceNumber), sequenceNumber),
      added_snapshot_id: snapshotId,
      added_files_count: by(ADDED).length,
      existing_files_count: by(EXISTING).length,
      deleted_files_count: by(DELETED).length,
      added_rows_count: rows(ADDED),
      existing_rows_count: rows(EXISTING),
      deleted_rows_count: rows(DELETED),
      partitions: fields.map((field) => summaryOf(field, entries)),
      key_metadata: null,
    },
  };
}

const pairs = <V>(map: ReadonlyMap<number, V> | undefined): readonly { key: number; value: V }[] | null =>
  map ? [...map].map(([key, value]) => ({ key, value: value instanceof Uint8Array ? (asBuffer(value) as V) : value })) : null;

function recordOf(entry: ManifestEntry, fields: readonly SpecField[]): ManifestRecord {
  const { file, record } = entry;
  const { metrics } = file;
  return {
    status: entry.status,
    snapshot_id: entry.snapshotId,
    sequence_number: entry.sequenceNumber,
    file_sequence_number: entry.fileSequenceNumber,
    data_file: {
      content: record?.content ?? 0,
      file_path: file.path,
      file_format: record?.file_format ?? 'PARQUET',
      partition: Object.fromEntries(fields.map((field) => [avroName(field.name), storedPartitionValue(field, file, record)])),
      record_count: file.recordCount,
      file_size_in_bytes: file.sizeBytes,
      column_sizes: pairs(metrics.columnSizes),
      value_counts: pairs(metrics.valueCounts),
      null_value_counts: pairs(metrics.nullCounts),
      nan_value_counts: record?.nan_value_counts ?? null,
      lower_bounds: pairs(metrics.lowerBounds),
      upper_bounds: pairs(metrics.upperBounds),
      key_metadata: record?.key_metadata ?? null,
      split_offsets: record?.split_offsets ?? null,
      equality_ids: record?.equality_ids ?? null,
      sort_order_id: record?.sort_order_id ?? null,
    },
  };
}

/** avsc takes Buffers only. */
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A carried file keeps the value as its manifest had it: the port's form of bytes is one-way. */
function storedPartitionValue(field: SpecField, file: DataFile, record: CarriedRecord | null): unknown {
  const stored = record?.partition[avroName(field.name)];
  if (stored !== undefined) return stored;
  const value = file.partition[field.name] ?? null;
  return typeof value === 'string' && field.type === 'long' ? BigInt(value) : value;
}

function summaryOf(field: SpecField, entries: readonly ManifestEntry[]): PartitionSummary {
  const values = entries.map((entry) => storedPartitionValue(field, entry.file, entry.record));
  const present = values.filter((value): value is SingleValue => value !== null);
  let least = present[0];
  let greatest = present[0];
  for (const value of present) {
    if (least === undefined || compareValues(value, least) < 0) least = value;
    if (greatest === undefined || compareValues(value, greatest) > 0) greatest = value;
  }
  const bound = (value: SingleValue | undefined): Buffer | null =>
    value === undefined ? null : asBuffer(value instanceof Uint8Array ? value : encodeValue(field.type, value));
  return {
    contains_null: present.length < values.length,
    contains_nan: false,
    lower_bound: bound(least),
    upper_bound: bound(greatest),
  };
}

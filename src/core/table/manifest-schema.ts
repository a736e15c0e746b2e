/**
 * The Avro schemas of manifests and manifest lists (https://iceberg.apache.org/spec/#manifests), and the record shapes they give.
 * A column's identity is its field id: files of other writers are read under our names (`canonicalNames`).
 */
import type { AvroSchema } from './avro-file.js';
import { decimalOf } from './iceberg-type.js';
import type { SpecField } from './partition-spec.js';
import type { IcebergPrimitive } from './table-api.js';

type Long = number | bigint;
type IntMap<V> = readonly { readonly key: number; readonly value: V }[] | null;

/** Entry status. */
export const EXISTING = 0;
export const ADDED = 1;
export const DELETED = 2;

/** One record of a manifest. */
export interface ManifestRecord {
  readonly status: number;
  readonly snapshot_id: Long | null;
  readonly sequence_number: Long | null;
  readonly file_sequence_number: Long | null;
  readonly data_file: DataFileRecord;
}

export interface DataFileRecord {
  readonly content: number;
  readonly file_path: string;
  readonly file_format: string;
  /** By the Avro name of the partition field. */
  readonly partition: Readonly<Record<string, unknown>>;
  readonly record_count: Long;
  readonly file_size_in_bytes: Long;
  readonly column_sizes: IntMap<Long>;
  readonly value_counts: IntMap<Long>;
  readonly null_value_counts: IntMap<Long>;
  readonly nan_value_counts: IntMap<Long>;
  readonly lower_bounds: IntMap<Uint8Array>;
  readonly upper_bounds: IntMap<Uint8Array>;
  readonly key_metadata: Uint8Array | null;
  readonly split_offsets: readonly Long[] | null;
  readonly equality_ids: readonly number[] | null;
  readonly sort_order_id: number | null;
}

/** One record of a manifest list. `content` 1: the manifest lists row-level deletes. */
export interface ManifestFile {
  readonly manifest_path: string;
  readonly manifest_length: Long;
  readonly partition_spec_id: number;
  readonly content: number;
  readonly sequence_number: Long;
  readonly min_sequence_number: Long;
  readonly added_snapshot_id: Long;
  readonly added_files_count: number;
  readonly existing_files_count: number;
  readonly deleted_files_count: number;
  readonly added_rows_count: Long;
  readonly existing_rows_count: Long;
  readonly deleted_rows_count: Long;
  readonly partitions: readonly PartitionSummary[] | null;
  readonly key_metadata: Uint8Array | null;
}

export interface PartitionSummary {
  readonly contains_null: boolean;
  readonly contains_nan: boolean | null;
  readonly lower_bound: Uint8Array | null;
  readonly upper_bound: Uint8Array | null;
}

const field = (id: number, name: string, type: AvroSchema, extra: object = {}): AvroSchema => ({
  name,
  type,
  'field-id': id,
  ...extra,
});
const optional = (id: number, name: string, type: AvroSchema): AvroSchema => field(id, name, ['null', type], { default: null });
/** Iceberg's map with int keys. */
const intMap = (keyId: number, valueId: number, value: AvroSchema): AvroSchema => ({
  type: 'array',
  logicalType: 'map',
  items: { type: 'record', name: `k${keyId}_v${valueId}`, fields: [field(keyId, 'key', 'int'), field(valueId, 'value', value)] },
});

const dataFileFields = (partition: readonly SpecField[]): readonly AvroSchema[] => [
  field(134, 'content', 'int', { default: 0 }),
  field(100, 'file_path', 'string'),
  field(101, 'file_format', 'string'),
  field(102, 'partition', {
    type: 'record',
    name: 'r102',
    fields: partition.map((each) => optional(each.fieldId, avroName(each.name), partitionAvroType(each))),
  }),
  field(103, 'record_count', 'long'),
  field(104, 'file_size_in_bytes', 'long'),
  optional(108, 'column_sizes', intMap(117, 118, 'long')),
  optional(109, 'value_counts', intMap(119, 120, 'long')),
  optional(110, 'null_value_counts', intMap(121, 122, 'long')),
  optional(137, 'nan_value_counts', intMap(138, 139, 'long')),
  optional(125, 'lower_bounds', intMap(126, 127, 'bytes')),
  optional(128, 'upper_bounds', intMap(129, 130, 'bytes')),
  optional(131, 'key_metadata', 'bytes'),
  optional(132, 'split_offsets', { type: 'array', items: 'long', 'element-id': 133 }),
  optional(135, 'equality_ids', { type: 'array', items: 'int', 'element-id': 136 }),
  optional(140, 'sort_order_id', 'int'),
];

/** Schema of a manifest of files under one partition spec. */
export const manifestSchema = (partition: readonly SpecField[]): AvroSchema => ({
  type: 'record',
  name: 'manifest_entry',
  fields: [
    field(0, 'status', 'int'),
    optional(1, 'snapshot_id', 'long'),
    optional(3, 'sequence_number', 'long'),
    optional(4, 'file_sequence_number', 'long'),
    field(2, 'data_file', { type: 'record', name: 'r2', fields: dataFileFields(partition) }),
  ],
});

/** Schema of a manifest list. */
export const MANIFEST_LIST_SCHEMA: AvroSchema = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    field(500, 'manifest_path', 'string'),
    field(501, 'manifest_length', 'long'),
    field(502, 'partition_spec_id', 'int'),
    field(517, 'content', 'int', { default: 0 }),
    field(515, 'sequence_number', 'long', { default: 0 }),
    field(516, 'min_sequence_number', 'long', { default: 0 }),
    field(503, 'added_snapshot_id', 'long'),
    field(504, 'added_files_count', 'int'),
    field(505, 'existing_files_count', 'int'),
    field(506, 'deleted_files_count', 'int'),
    field(512, 'added_rows_count', 'long'),
    field(513, 'existing_rows_count', 'long'),
    field(514, 'deleted_rows_count', 'long'),
    optional(507, 'partitions', {
      type: 'array',
      'element-id': 508,
      items: {
        type: 'record',
        name: 'r508',
        fields: [
          field(509, 'contains_null', 'boolean'),
          optional(518, 'contains_nan', 'boolean'),
          optional(510, 'lower_bound', 'bytes'),
          optional(511, 'upper_bound', 'bytes'),
        ],
      },
    }),
    optional(519, 'key_metadata', 'bytes'),
  ],
};

/** Field id → our name, of every field that we know. */
const NAMES = new Map<number, string>();
collectNames(manifestSchema([]));
collectNames(MANIFEST_LIST_SCHEMA);

function collectNames(schema: unknown): void {
  if (Array.isArray(schema)) for (const part of schema) collectNames(part);
  else if (typeof schema === 'object' && schema !== null) {
    const { name, 'field-id': id } = schema as { readonly name?: string; readonly 'field-id'?: number };
    if (id !== undefined && name !== undefined) NAMES.set(id, name);
    for (const part of Object.values(schema)) collectNames(part);
  }
}

/** Renames known fields of a foreign writer's schema to ours, by field id. Partition fields keep their own names. */
export function canonicalNames(schema: AvroSchema): AvroSchema {
  if (typeof schema === 'string') return schema;
  if (Array.isArray(schema)) return schema.map(canonicalNames);
  const node = schema as { readonly [key: string]: unknown };
  const known = NAMES.get(node['field-id'] as number);
  if (known === 'partition') return { ...node, name: known };
  return Object.fromEntries(
    Object.entries(node).map(([key, value]) => {
      if (key === 'name') return [key, known ?? value];
      return [key, key === 'type' || key === 'items' || key === 'fields' ? canonicalNames(value as AvroSchema) : value];
    }),
  );
}

/** Avro name → field id of the partition fields in a manifest's schema. */
export function partitionFieldIds(schema: AvroSchema): ReadonlyMap<string, number> {
  type Node = { readonly name: string; readonly 'field-id'?: number; readonly type: { readonly fields?: readonly Node[] } };
  const child = (nodes: readonly Node[] | undefined, id: number): readonly Node[] | undefined =>
    nodes?.find((node) => node['field-id'] === id)?.type.fields;
  const partition = child(child((schema as unknown as Node['type']).fields, 2), 102) ?? [];
  return new Map(partition.map((node) => [node.name, node['field-id'] ?? -1]));
}

/** A name that Avro takes, escaped as the Java library does it. */
export const avroName = (name: string): string =>
  name
    .replaceAll(/[^A-Za-z0-9_]/g, (character) => `_x${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/^\d/, (digit) => `_${digit}`);

function partitionAvroType(each: SpecField): AvroSchema {
  const decimal = decimalOf(each.type);
  if (decimal) {
    return {
      type: 'fixed',
      name: `decimal_${each.fieldId}`,
      size: decimalBytes(decimal.precision),
      logicalType: 'decimal',
      precision: decimal.precision,
      scale: decimal.scale,
    };
  }
  return PRIMITIVES[each.type] ?? 'string';
}

const PRIMITIVES: Readonly<Partial<Record<IcebergPrimitive, AvroSchema>>> = {
  boolean: 'boolean',
  int: 'int',
  long: 'long',
  float: 'float',
  double: 'double',
  binary: 'bytes',
  date: { type: 'int', logicalType: 'date' },
  timestamp: { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false },
};

/** Bytes of a fixed decimal that holds every value of `precision` digits. */
function decimalBytes(precision: number): number {
  let size = 1;
  while (2n ** BigInt(8 * size - 1) - 1n < 10n ** BigInt(precision) - 1n) size++;
  return size;
}

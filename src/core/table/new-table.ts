/** The first metadata of a table: no snapshot yet, one schema, one partition spec. */
import { KeystoneError } from '../errors.js';
import { bucketCount } from './bucket-transform.js';
import { fieldIds, fieldJson } from './iceberg-type.js';
import { avroName } from './manifest-schema.js';
import { partitionFieldName } from './partition-spec.js';
import type { PartitionField, TableDefinition, TableField } from './table-api.js';
import type { TableMetadata } from './table-metadata.js';

/** Partition field ids begin here in every Iceberg table. */
const FIRST_PARTITION_ID = 1000;

const IDENTITY_TYPES: ReadonlySet<unknown> = new Set(['boolean', 'int', 'long', 'string', 'date']);
const BUCKET_TYPES: ReadonlySet<unknown> = new Set(['int', 'long', 'string', 'date', 'timestamp', 'binary']);

/** Throws KS_CONFIG when the definition contradicts itself. */
export function newTable(definition: TableDefinition, location: string, uuid: string, nowMs: number): TableMetadata {
  const { name, fields, partition, properties } = definition;
  const ids = fieldIds(fields);
  const invalid = (problem: string): KeystoneError =>
    new KeystoneError('KS_CONFIG', `${name} can't be created: ${problem}`, {
      hint: 'Correct the contract or the definition of the table.',
    });
  if (new Set(ids).size !== ids.length) throw invalid('two columns have the same field id');
  if (new Set(fields.map((field) => field.name.toLowerCase())).size !== fields.length) {
    throw invalid('two columns have the same name (engines ignore case)');
  }
  const specFields = partition.map((each, i) => {
    const problem = partitionProblem(each, fields);
    if (problem !== null) throw invalid(problem);
    const source = fields.find((field) => field.name === each.column);
    return {
      name: partitionFieldName(each),
      transform: each.transform,
      'source-id': source?.id ?? -1,
      'field-id': FIRST_PARTITION_ID + i,
    };
  });
  return {
    'format-version': 2,
    'table-uuid': uuid,
    location,
    'last-sequence-number': 0,
    'last-updated-ms': nowMs,
    'last-column-id': Math.max(0, ...ids),
    'current-schema-id': 0,
    schemas: [{ type: 'struct', 'schema-id': 0, fields: fields.map(fieldJson) as never }],
    'default-spec-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: specFields }],
    'last-partition-id': FIRST_PARTITION_ID - 1 + partition.length,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: { ...properties },
    refs: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    statistics: [],
    'partition-statistics': [],
  };
}

/** Why a table with these columns can't be partitioned so; null when it can. */
export function partitionProblem(partition: PartitionField, fields: readonly TableField[]): string | null {
  const { column, transform } = partition;
  const source = fields.find((field) => field.name === column);
  if (!source) return `it is partitioned by "${column}", which is no column`;
  const buckets = bucketCount(transform);
  if (buckets === 0) return `"${column}" can't be put into 0 buckets`;
  const isTime = source.type === 'timestamp' || (source.type === 'date' && transform !== 'hour');
  const fits =
    buckets !== null ? BUCKET_TYPES.has(source.type) : transform === 'identity' ? IDENTITY_TYPES.has(source.type) : isTime;
  if (!fits) {
    return `"${column}" has a type that can't be partitioned by ${transform}`;
  }
  const fieldName = partitionFieldName(partition);
  return avroName(fieldName) === '' ? `"${column}" gives no partition name` : null;
}

/** The partition of a bronze row under the table's current spec: day, hour or a bucket of its source, as `table layout` set it. */
import { KeystoneError } from '../errors.js';
import { bucketCount, bucketOf } from '../table/bucket-transform.js';
import type { DataFile, PartitionField } from '../table/table-api.js';
import type { BronzeRecord } from './bronze-record.js';

/** Of one field of the spec. */
export type PartitionValue = string | number | null;

const UNIT_US: Readonly<Record<string, number>> = { day: 86_400_000_000, hour: 3_600_000_000 };

const TEXTS: Readonly<Record<string, (row: BronzeRecord) => string | null>> = {
  topic: (row) => row.topic,
  dataset: (row) => row.dataset,
  source: (row) => row.source,
};

/** Values of one row, in the order of the spec's fields. */
export type PartitionOfRow = (row: BronzeRecord) => readonly PartitionValue[];

/** Throws KS_TABLE_UNSUPPORTED when the spec (another engine's) asks for what bronze does not compute. */
export function bronzePartition(partition: readonly PartitionField[]): PartitionOfRow {
  const fields = partition.map(valueOfField);
  return (row) => fields.map((valueOf) => valueOf(row));
}

function valueOfField({ column, transform }: PartitionField): (row: BronzeRecord) => PartitionValue {
  const unit = UNIT_US[transform];
  if (column === 'log_time' && unit !== undefined) return ({ timestampUs }) => Math.floor(timestampUs / unit);
  if (column === 'kafka_partition' && transform === 'identity') return (row) => row.partition;
  const text = TEXTS[column];
  if (text && transform === 'identity') return text;
  const buckets = bucketCount(transform);
  if (text && buckets !== null) {
    const known = new Map<string, number>();
    return (row) => {
      const value = text(row);
      if (value === null) return null;
      const found = known.get(value);
      if (found !== undefined) return found;
      const bucket = bucketOf(value, buckets);
      if (known.size < 10_000) known.set(value, bucket);
      return bucket;
    };
  }
  throw new KeystoneError(
    'KS_TABLE_UNSUPPORTED',
    `bronze.events is partitioned by ${transform} of ${column}, which is not landed by`,
    {
      hint: 'keystone table layout bronze.events --to day',
    },
  );
}

/** The values under the names of the spec's fields, as a data file carries them. */
export const namedPartition = (
  fields: readonly Required<PartitionField>[],
  values: readonly PartitionValue[],
): DataFile['partition'] => Object.fromEntries(fields.map(({ name }, i) => [name, values[i] ?? null]));

/**
 * Partition specs (https://iceberg.apache.org/spec/#partitioning): which columns of a manifest's partition struct mean what,
 * and how a row's partition value is computed. Time transforms count from 1970 (days, months, years, hours).
 */
import { quoteIdentifier } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import { bucketCount } from './bucket-transform.js';
import { type TableMetadata, currentSchema, specById } from './table-metadata.js';
import type { IcebergPrimitive, PartitionField, PartitionTransform } from './table-api.js';

const TRANSFORMS: ReadonlySet<string> = new Set(['identity', 'year', 'month', 'day', 'hour'] satisfies PartitionTransform[]);
const isWritable = (transform: string): boolean => TRANSFORMS.has(transform) || bucketCount(transform) !== null;

/** One field of a spec, other engines' transforms included. */
export interface SpecField {
  readonly name: string;
  readonly fieldId: number;
  readonly sourceId: number;
  /** Name of the source column in the current schema; null when it was dropped. */
  readonly column: string | null;
  readonly transform: string;
  /** Type of the partition value. */
  readonly type: IcebergPrimitive;
}

/** Iceberg's usual name of a partition field: the column itself, or `<column>_<transform>` (`<column>_bucket` whatever N). */
export const partitionFieldName = ({ name, column, transform }: PartitionField): string =>
  name ?? (transform === 'identity' ? column : `${column}_${transform.replace(/\[.*/, '')}`);

/** The fields of one spec, resolved against the schemas of the table (a dropped column is still in an older one). */
export function specFields(metadata: TableMetadata, specId: number): readonly SpecField[] {
  const current = currentSchema(metadata);
  const schemas = [current, ...metadata.schemas.toReversed()];
  return specById(metadata, specId).fields.map((field) => {
    const isSource = (candidate: { readonly id: number }): boolean => candidate.id === field['source-id'];
    const source = schemas.flatMap((schema) => schema.fields).find(isSource);
    return {
      name: field.name,
      fieldId: field['field-id'],
      sourceId: field['source-id'],
      column: current.fields.find(isSource)?.name ?? null,
      transform: field.transform,
      type: resultType(field.transform, source?.['type']),
    };
  });
}

/** The default spec as a writer needs it; throws KS_TABLE_UNSUPPORTED when it has a transform that Keystone does not write. */
export function writablePartition(metadata: TableMetadata): readonly Required<PartitionField>[] {
  return specFields(metadata, metadata['default-spec-id'])
    .filter((field) => field.transform !== 'void')
    .map((field) => {
      if (field.column === null || !isWritable(field.transform)) {
        throw new KeystoneError(
          'KS_TABLE_UNSUPPORTED',
          `${metadata.location} is partitioned by ${field.name} (${field.transform}), which Keystone does not write`,
          {
            hint: 'Partition the table by identity, year, month, day, hour or bucket with the engine that changed it.',
          },
        );
      }
      return { name: field.name, column: field.column, transform: field.transform as PartitionTransform };
    });
}

function resultType(transform: string, source: unknown): IcebergPrimitive {
  if (transform === 'day') return 'date';
  if (/^(year|month|hour|bucket\[\d+\])$/.test(transform)) return 'int';
  return typeof source === 'string' ? (source as IcebergPrimitive) : 'string';
}

/** SQL for the partition value of a row: an ordinal for time transforms, else the column. Throws KS_TABLE_UNSUPPORTED for a bucket. */
export function transformSql(field: PartitionField): string {
  if (bucketCount(field.transform) !== null) {
    throw new KeystoneError(
      'KS_TABLE_UNSUPPORTED',
      `rows can't be written by SQL into ${field.transform} of ${field.column}: DuckDB has no murmur3 to bucket them by`,
      { hint: 'Partition the table by identity, year, month, day or hour with the engine that changed it.' },
    );
  }
  const column = quoteIdentifier(field.column);
  return field.transform === 'identity'
    ? column
    : `date_diff('${field.transform}', TIMESTAMP '1970-01-01', CAST(${column} AS TIMESTAMP))`;
}

/** Closed range of the source column's values (µs since 1970) that a time transform's value stands for; null for other transforms and beyond what Date can tell. */
export function microsRange(transform: string, value: number): readonly [bigint, bigint] | null {
  const start = transformStartMs(transform, value);
  const next = transformStartMs(transform, value + 1);
  if (start === null || next === null || Number.isNaN(start) || Number.isNaN(next)) return null;
  return [BigInt(start) * 1000n, BigInt(next) * 1000n - 1n];
}

/** First millisecond of a year, month, day or hour given as ordinal since 1970; null for other transforms. */
export function transformStartMs(transform: string, value: number): number | null {
  // Counted in months: Date.UTC takes the years 0 to 99 for 1900 to 1999.
  if (transform === 'year') return Date.UTC(1970, 12 * value);
  if (transform === 'month') return Date.UTC(1970, value);
  if (transform === 'day') return value * 86_400_000;
  return transform === 'hour' ? value * 3_600_000 : null;
}

const YEAR_0_MS = Date.parse('0000-01-01T00:00:00Z');
const YEAR_10000_MS = Date.UTC(10_000, 0);

/** Whether ISO 8601 writes that millisecond with a year of four digits, 0000 to 9999; false for NaN, which lies beyond what Date can tell. */
export const hasFourDigitYear = (ms: number): boolean => ms >= YEAR_0_MS && ms < YEAR_10000_MS;

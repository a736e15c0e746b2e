/**
 * Which data files of a snapshot may hold rows within given bounds: manifests are skipped by their partition summaries, files by
 * their partition and by their column metrics. What has no metrics is kept.
 */
import { KeystoneError } from '../errors.js';
import { bucketCount, bucketOf } from './bucket-transform.js';
import type { ManifestReader } from './manifest-cache.js';
import { DELETED, type ManifestFile } from './manifest-schema.js';
import { type SpecField, microsRange, specFields } from './partition-spec.js';
import { type SingleValue, compareValues, decodeBound, valueOfText } from './single-value.js';
import type { DataFile, IcebergPrimitive, ScanOptions } from './table-api.js';
import { type MetadataSnapshot, type TableMetadata, currentSchema } from './table-metadata.js';

/** A closed range of a column's values; undefined = open. */
interface ColumnBound {
  readonly fieldId: number;
  readonly type: IcebergPrimitive;
  readonly min: SingleValue | undefined;
  readonly max: SingleValue | undefined;
}

/** Throws KS_TABLE_UNSUPPORTED when the snapshot has row-level deletes, KS_NOT_FOUND when a bound names no column. */
export async function planScan(
  metadata: TableMetadata,
  snapshot: MetadataSnapshot | null,
  reader: ManifestReader,
  bounds: NonNullable<ScanOptions['bounds']>,
): Promise<readonly DataFile[]> {
  const manifests = liveDataManifests(await reader.manifestsOf(snapshot), metadata.location, snapshot?.['snapshot-id'] ?? null);
  const columnBounds = bounds
    .filter(({ min, max }) => min !== undefined || max !== undefined)
    .map((bound) => columnBound(metadata, bound));
  const files: DataFile[] = [];
  for (const manifest of manifests) {
    const fields = specFields(metadata, manifest.partition_spec_id);
    if (!columnBounds.every((bound) => manifestMayHold(manifest, fields, bound))) continue;
    for (const entry of await reader.entriesOf(manifest, metadata)) {
      if (entry.status === DELETED) continue;
      if (columnBounds.every((bound) => fileMayHold(entry.file, fields, bound))) files.push(entry.file);
    }
  }
  return files;
}

/** Manifests with live data files; throws KS_TABLE_UNSUPPORTED when there are live row-level deletes, which Keystone does not apply. */
export function liveDataManifests(
  manifests: readonly ManifestFile[],
  location: string,
  snapshotId: number | bigint | null,
): readonly ManifestFile[] {
  const live = manifests.filter((manifest) => manifest.added_files_count + manifest.existing_files_count > 0);
  if (live.some((manifest) => manifest.content === 1)) {
    const name = location.split('/').slice(-2).join('.');
    throw new KeystoneError(
      'KS_TABLE_UNSUPPORTED',
      `${name} (${location}) has row-level deletes in its snapshot ${snapshotId}, by another engine; Keystone does not apply them`,
      {
        hint: `Rewrite the table there (Trino: ALTER TABLE ${name} EXECUTE optimize; Athena: OPTIMIZE ${name} REWRITE DATA USING BIN_PACK; Spark: CALL system.rewrite_data_files), then run the same command again.`,
        details: { table: name, snapshot: String(snapshotId) },
      },
    );
  }
  return live;
}

function columnBound(metadata: TableMetadata, bound: NonNullable<ScanOptions['bounds']>[number]): ColumnBound {
  const column = currentSchema(metadata).fields.find(({ name }) => name === bound.column);
  const type = column?.['type'];
  if (!column || typeof type !== 'string') {
    throw new KeystoneError('KS_NOT_FOUND', `${metadata.location} has no column "${bound.column}" to scan by`, {
      hint: 'keystone table show lists the columns of a table.',
    });
  }
  const value = (given: number | bigint | string | undefined): SingleValue | undefined => {
    if (given === undefined) return undefined;
    const found = valueOfBound(type as IcebergPrimitive, given);
    if (found !== null) return found;
    throw new KeystoneError('KS_USAGE', `"${given}" is no ${type}, the type of the column "${bound.column}"`, {
      hint: 'Bounds are numbers, text, dates (2017-10-02) or timestamps (2017-10-02 10:11:12).',
    });
  };
  return { fieldId: column.id, type: type as IcebergPrimitive, min: value(bound.min), max: value(bound.max) };
}

/** Text is read as the type is written; numbers count in the column's unit (µs for timestamps, days for dates, unscaled for decimals as bigint). */
function valueOfBound(type: IcebergPrimitive, given: number | bigint | string): SingleValue | null {
  if (typeof given === 'string') return valueOfText(type, given);
  if (type === 'long' || type === 'timestamp')
    return typeof given === 'bigint' ? given : Number.isInteger(given) ? BigInt(given) : given;
  if (type.startsWith('decimal') && typeof given === 'number') return valueOfText(type, String(given));
  return type.startsWith('decimal') ? given : Number(given);
}

function fileMayHold(file: DataFile, fields: readonly SpecField[], bound: ColumnBound): boolean {
  const { lowerBounds, upperBounds, nullCounts, valueCounts } = file.metrics;
  const decode = (bytes: Uint8Array | undefined): SingleValue | undefined =>
    bytes ? readableBound(bound.type, bytes) : undefined;
  if (!overlaps(decode(lowerBounds?.get(bound.fieldId)), decode(upperBounds?.get(bound.fieldId)), bound)) return false;
  const values = valueCounts?.get(bound.fieldId);
  if (values !== undefined && values > 0 && nullCounts?.get(bound.fieldId) === values) return false; // only nulls: within no bounds
  return fields.every((field) => {
    if (field.sourceId !== bound.fieldId) return true;
    const value = file.partition[field.name];
    return value === null || value === undefined || partitionMayHold(field, value, value, bound);
  });
}

function manifestMayHold(manifest: ManifestFile, fields: readonly SpecField[], bound: ColumnBound): boolean {
  return fields.every((field, i) => {
    const summary = manifest.partitions?.[i];
    if (field.sourceId !== bound.fieldId || !summary?.lower_bound || !summary.upper_bound) return true;
    const [least, greatest] = [summary.lower_bound, summary.upper_bound].map((bytes) => readableBound(field.type, bytes));
    return least === undefined || greatest === undefined || partitionMayHold(field, least, greatest, bound);
  });
}

/** undefined for bytes that are too few for the type: without a bound a file is read, which is never wrong. */
function readableBound(type: IcebergPrimitive, bytes: Uint8Array): SingleValue | undefined {
  try {
    return decodeBound(type, bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Whether rows of partitions `least` to `greatest` of one field may lie within the bound. */
function partitionMayHold(field: SpecField, least: SingleValue, greatest: SingleValue, bound: ColumnBound): boolean {
  if (field.transform === 'identity') {
    const isExact = typeof least === typeof (bound.min ?? bound.max) || (isNumeric(least) && isNumeric(bound.min ?? bound.max));
    return !isExact || overlaps(least, greatest, bound);
  }
  if (typeof least !== 'number' || typeof greatest !== 'number') return true;
  const buckets = bucketCount(field.transform);
  if (buckets !== null) return bucketMayHold(buckets, least, greatest, bound);
  const [from, to] = [microsRange(field.transform, least), microsRange(field.transform, greatest)];
  if (!from || !to) return true;
  return bound.type === 'date' ? overlaps(daysOf(from[0]), daysOf(to[1]), bound) : overlaps(from[0], to[1], bound);
}

/** A hash keeps no order: only one single text is looked for in its bucket. */
function bucketMayHold(buckets: number, least: number, greatest: number, { type, min, max }: ColumnBound): boolean {
  if (type !== 'string' || typeof min !== 'string' || min !== max) return true;
  const bucket = bucketOf(min, buckets);
  return least <= bucket && bucket <= greatest;
}

const isNumeric = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint';

const DAY_US = 86_400_000_000n;
const daysOf = (micros: bigint): number => Math.floor(Number(micros) / Number(DAY_US));

const overlaps = (least: SingleValue | undefined, greatest: SingleValue | undefined, { min, max }: ColumnBound): boolean =>
  (min === undefined || greatest === undefined || compareValues(greatest, min) >= 0) &&
  (max === undefined || least === undefined || compareValues(least, max) <= 0);

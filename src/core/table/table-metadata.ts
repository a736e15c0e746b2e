/**
 * The metadata file of an Iceberg v2 table (https://iceberg.apache.org/spec/#table-metadata-fields), under the names it has there.
 * Only what Keystone reads is typed; whatever else another writer put in stays where it is.
 */
import { z } from 'zod';
import { KeystoneError, messageOf } from '../errors.js';
import { type JsonObject, parseJson, toJson } from './lossless-json.js';

/** Exact: a bigint where a double would round. */
const integer = z.union([z.number().int(), z.bigint()]);
const count = z.number().int();

const snapshot = z.looseObject({
  'snapshot-id': integer,
  'parent-snapshot-id': integer.nullish(),
  'sequence-number': count.default(0),
  'timestamp-ms': count,
  'manifest-list': z.string(),
  summary: z.record(z.string(), z.string()).optional(),
});

const schema = z.looseObject({
  type: z.literal('struct'),
  'schema-id': count,
  fields: z.array(z.looseObject({ id: count, name: z.string() })),
});

const partitionSpec = z.looseObject({
  'spec-id': count,
  fields: z.array(z.looseObject({ name: z.string(), transform: z.string(), 'source-id': count, 'field-id': count })),
});

const logEntry = z.looseObject({ 'snapshot-id': integer, 'timestamp-ms': count });

const tableMetadata = z.looseObject({
  'format-version': count,
  'table-uuid': z.string(),
  location: z.string(),
  'last-sequence-number': count,
  'last-updated-ms': count,
  'last-column-id': count,
  'current-schema-id': count,
  schemas: z.array(schema).min(1),
  'default-spec-id': count,
  'partition-specs': z.array(partitionSpec).min(1),
  'last-partition-id': count,
  properties: z.record(z.string(), z.string()).optional(),
  /** Absent, null or -1: no snapshot. */
  'current-snapshot-id': integer.nullish(),
  snapshots: z.array(snapshot).optional(),
  'snapshot-log': z.array(logEntry).optional(),
  'metadata-log': z.array(z.looseObject({ 'metadata-file': z.string(), 'timestamp-ms': count })).optional(),
  refs: z.record(z.string(), z.looseObject({ 'snapshot-id': integer, type: z.string() })).optional(),
});

export type TableMetadata = z.output<typeof tableMetadata>;
export type MetadataSnapshot = z.output<typeof snapshot>;
export type MetadataSchema = z.output<typeof schema>;
export type MetadataSpec = z.output<typeof partitionSpec>;

/** Throws KS_TABLE_CORRUPT when the text is no table metadata, KS_TABLE_UNSUPPORTED when it is not format version 2. */
export function parseMetadata(text: string, location: string): TableMetadata {
  let json;
  try {
    json = parseJson(text);
  } catch (error) {
    throw corrupt(location, messageOf(error), error);
  }
  const version = typeof json === 'object' && json !== null && 'format-version' in json ? json['format-version'] : undefined;
  if (typeof version === 'number' && version !== 2) {
    throw new KeystoneError(
      'KS_TABLE_UNSUPPORTED',
      `${location} is Iceberg format version ${version}; Keystone reads and writes version 2`,
      {
        hint: 'Rewrite the table as format version 2 with the engine that made it.',
      },
    );
  }
  const parsed = tableMetadata.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw corrupt(location, issue ? `${issue.path.join('.')}: ${issue.message}` : 'not an object', parsed.error);
}

export const metadataText = (metadata: TableMetadata): string => toJson(metadata as unknown as JsonObject);

const corrupt = (location: string, reason: string, cause: unknown): KeystoneError =>
  new KeystoneError('KS_TABLE_CORRUPT', `${location} is no Iceberg table metadata: ${reason}`, {
    hint: 'Compare it with the metadata files of lower number beside it: each is a complete earlier state of the table.',
    cause,
  });

/** The table's current schema. */
export const currentSchema = (metadata: TableMetadata): MetadataSchema => {
  const found = metadata.schemas.find((candidate) => candidate['schema-id'] === metadata['current-schema-id']);
  if (!found) throw corrupt(metadata.location, `schema ${metadata['current-schema-id']} is missing`, undefined);
  return found;
};

/** A partition spec by id. */
export const specById = (metadata: TableMetadata, specId: number): MetadataSpec => {
  const found = metadata['partition-specs'].find((candidate) => candidate['spec-id'] === specId);
  if (!found) throw corrupt(metadata.location, `partition spec ${specId} is missing`, undefined);
  return found;
};

/** The snapshot that `main` names, or null. Throws KS_TABLE_CORRUPT when it is not there: the table is not empty. */
export const currentSnapshot = (metadata: TableMetadata): MetadataSnapshot | null => {
  const id = metadata['current-snapshot-id'];
  if (id === undefined || id === null || BigInt(id) === -1n) return null;
  const found = snapshotById(metadata, BigInt(id));
  if (!found) throw corrupt(metadata.location, `its current snapshot ${id} is missing`, undefined);
  return found;
};

/** A kept snapshot by id, or null. */
export const snapshotById = (metadata: TableMetadata, id: bigint): MetadataSnapshot | null =>
  metadata.snapshots?.find((candidate) => BigInt(candidate['snapshot-id']) === id) ?? null;

/**
 * Another partition spec for the files to come (https://iceberg.apache.org/spec/#partition-evolution): files that are there keep the
 * spec they were written under, and readers plan each file under its own.
 */
import { partitionFieldName, specFields } from './partition-spec.js';
import type { PartitionField } from './table-api.js';
import { type MetadataSpec, type TableMetadata, currentSchema } from './table-metadata.js';

type SpecEntry = MetadataSpec['fields'][number];

/**
 * The metadata with `partition` as its default spec, null when it is that already. An equal spec that the table had before is taken
 * up again; else the next spec id is given. A field that any spec had (same source, same transform) keeps its id and name, as the specification
 * asks; others get the ids behind `last-partition-id`. Columns of `partition` are columns of the current schema.
 */
export function evolveSpec(metadata: TableMetadata, partition: readonly PartitionField[]): TableMetadata | null {
  const known = metadata['partition-specs'].flatMap((spec) => spec.fields);
  let lastId = metadata['last-partition-id'];
  const fields = partition.map((wanted): SpecEntry => {
    const sourceId = currentSchema(metadata).fields.find(({ name }) => name === wanted.column)?.id ?? -1;
    const had = known.find((field) => field['source-id'] === sourceId && field.transform === wanted.transform);
    if (had) return had;
    // One name must not mean two fields: engines put the fields of all specs into one struct.
    const name = partitionFieldName(wanted);
    const taken = known.some((field) => field.name === name);
    const suffix = wanted.transform.replaceAll(/\D/g, '') || String(lastId + 1);
    return {
      name: taken ? `${name}_${suffix}` : name,
      transform: wanted.transform,
      'source-id': sourceId,
      'field-id': ++lastId,
    };
  });
  const ids = fields.map((field) => field['field-id']).join();
  const equal = metadata['partition-specs'].find((spec) => spec.fields.map((field) => field['field-id']).join() === ids);
  if (equal) {
    return equal['spec-id'] === metadata['default-spec-id'] ? null : { ...metadata, 'default-spec-id': equal['spec-id'] };
  }
  const specId = 1 + Math.max(...metadata['partition-specs'].map((spec) => spec['spec-id']));
  return {
    ...metadata,
    'partition-specs': [...metadata['partition-specs'], { 'spec-id': specId, fields }],
    'default-spec-id': specId,
    'last-partition-id': Math.max(lastId, metadata['last-partition-id']),
  };
}

/** `day(log_time)`, `hour(log_time), bucket[16](source)`, or `nothing`. */
export const partitionText = (fields: readonly { readonly column: string | null; readonly transform: string }[]): string =>
  fields
    .map(({ column, transform }) => (transform === 'identity' ? `${column}` : `${transform}(${column ?? 'a dropped column'})`))
    .join(', ') || 'nothing';

/** What the spec of this id is, for people. */
export const specText = (metadata: TableMetadata, specId: number): string => partitionText(specFields(metadata, specId));

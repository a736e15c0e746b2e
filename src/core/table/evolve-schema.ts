/**
 * Brings an existing table's schema up to a definition. Only what leaves every written file valid is done: adding optional columns,
 * and letting a required column be null. A column keeps the field id that the table gave it, whatever the definition numbers it.
 */
import { KeystoneError } from '../errors.js';
import { fieldJson, parseFields, typeText, withFreshIds } from './iceberg-type.js';
import { partitionFieldName, writablePartition } from './partition-spec.js';
import type { PartitionField, TableDefinition, TableField } from './table-api.js';
import { type MetadataSchema, type TableMetadata, currentSchema } from './table-metadata.js';

/** The changed metadata, or null when nothing is to change. Throws KS_CONFIG naming the column and types when it can't be done. */
export function evolveSchema(metadata: TableMetadata, definition: TableDefinition): TableMetadata | null {
  const { name } = definition;
  checkPartition(metadata, definition);
  const schema = currentSchema(metadata);
  const existing = new Map(parseFields(schema.fields).map((field) => [field.name, field]));
  let lastId = metadata['last-column-id'];
  const nextId = (): number => ++lastId;
  const added: TableField[] = [];
  const relaxed = new Set<string>();
  for (const wanted of definition.fields) {
    const has = existing.get(wanted.name);
    if (!has) {
      if (wanted.required) {
        throw refusal(
          name,
          `the new column "${wanted.name}" (${typeText(wanted.type)}) is required, but rows that are there have no value`,
          'Make the new column optional',
        );
      }
      added.push({ ...wanted, id: nextId(), type: withFreshIds(wanted.type, nextId) });
    } else if (typeText(has.type) !== typeText(wanted.type)) {
      throw refusal(
        name,
        `the column "${wanted.name}" is ${typeText(has.type)} in the table and ${typeText(wanted.type)} in its definition`,
        'Give the changed column a new name',
      );
    } else if (has.required && !wanted.required) relaxed.add(wanted.name);
  }
  const wantedNames = new Set(definition.fields.map((field) => field.name));
  for (const has of existing.values()) {
    if (has.required && !wantedNames.has(has.name)) {
      throw refusal(
        name,
        `the table's required column "${has.name}" (${typeText(has.type)}) is not in its definition`,
        'Keep the column',
      );
    }
  }
  if (added.length === 0 && relaxed.size === 0) return null;
  const fields = schema.fields.map((field) => (relaxed.has(field.name) ? { ...field, required: false } : field));
  const next: MetadataSchema = {
    ...schema,
    'schema-id': 1 + Math.max(...metadata.schemas.map((one) => one['schema-id'])),
    fields: [...fields, ...(added.map(fieldJson) as never[])],
  };
  return {
    ...metadata,
    'last-column-id': lastId,
    schemas: [...metadata.schemas, next],
    'current-schema-id': next['schema-id'],
  };
}

const partitionText = (fields: readonly PartitionField[]): string =>
  fields.map((field) => `${field.transform}(${field.column}) as ${partitionFieldName(field)}`).join(', ') || 'nothing';

function checkPartition(metadata: TableMetadata, { name, partition, partitionEvolves }: TableDefinition): void {
  if (partitionEvolves && metadata['partition-specs'].length > 1) return; // `table layout` has changed it
  const has = partitionText(writablePartition(metadata));
  const wanted = partitionText(partition);
  if (has !== wanted)
    throw refusal(name, `the table is partitioned by ${has} and its definition by ${wanted}`, 'Keep the partitioning');
}

const refusal = (table: string, problem: string, remedy: string): KeystoneError =>
  new KeystoneError('KS_CONFIG', `${table}: ${problem}`, { hint: `${remedy}, or build the table anew in another lake folder.` });

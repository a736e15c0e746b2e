/** What changed in a table's definition between two of its snapshots: columns, partitioning, properties. */
import { isKeystoneError } from '../errors.js';
import { parseFields, typeText } from '../table/iceberg-type.js';
import { specFields } from '../table/partition-spec.js';
import type { Table, TableField } from '../table/table-api.js';
import { type MetadataSnapshot, type TableMetadata, parseMetadata } from '../table/table-metadata.js';

export interface DefinitionChange {
  readonly kind: 'column' | 'partitioning' | 'property';
  /** Of the column (its newer name) or property; `spec` for the partitioning. */
  readonly name: string;
  /** null: it was not there. */
  readonly from: string | null;
  /** null: it is not there any more. */
  readonly to: string | null;
}

export interface DefinitionDifference {
  readonly changes: readonly DefinitionChange[];
  /** False when the metadata file of one of the snapshots is gone: then only the columns are compared. */
  readonly complete: boolean;
}

/** Definitions as the commits of the two snapshots left them; of the current snapshot, as it is now. */
export async function definitionDifference(
  table: Table,
  metadata: TableMetadata,
  from: MetadataSnapshot,
  to: MetadataSnapshot,
): Promise<DefinitionDifference> {
  const [older, newer] = [await metadataAt(table, metadata, from), await metadataAt(table, metadata, to)];
  const columns = columnChanges(fieldsAt(metadata, from, older), fieldsAt(metadata, to, newer));
  if (!older || !newer) return { changes: columns, complete: false };
  const [oldSpec, newSpec] = [specText(older), specText(newer)];
  const partitioning: readonly DefinitionChange[] =
    oldSpec === newSpec ? [] : [{ kind: 'partitioning', name: 'spec', from: oldSpec, to: newSpec }];
  return { changes: [...columns, ...partitioning, ...propertyChanges(older, newer)], complete: true };
}

/** The columns under which a snapshot was written; the table's current ones when it does not say. */
export function fieldsAt(
  metadata: TableMetadata,
  snapshot: MetadataSnapshot,
  own: TableMetadata | null = null,
): readonly TableField[] {
  const id = own?.['current-schema-id'] ?? snapshot['schema-id'] ?? metadata['current-schema-id'];
  const schemas = [...metadata.schemas, ...(own?.schemas ?? [])];
  const schema = schemas.find((one) => one['schema-id'] === id) ?? schemas.at(-1);
  return parseFields(schema?.fields ?? []);
}

/** null when the metadata file that the snapshot's commit wrote is not in the log of them any more, or gone. */
async function metadataAt(table: Table, metadata: TableMetadata, snapshot: MetadataSnapshot): Promise<TableMetadata | null> {
  const isIts = (one: TableMetadata): boolean =>
    one['current-snapshot-id'] != null && BigInt(one['current-snapshot-id']) === BigInt(snapshot['snapshot-id']);
  if (isIts(metadata)) return metadata;
  const file = metadata['metadata-log']?.find((one) => one['timestamp-ms'] === snapshot['timestamp-ms'])?.['metadata-file'];
  if (file === undefined) return null;
  try {
    const stored = await table.store.get(table.store.keyOf(file));
    const found = stored && parseMetadata(Buffer.from(stored.body).toString('utf8'), file);
    return found && isIts(found) ? found : null;
  } catch (error) {
    // Emptied when it was old, or in a place that the lake has moved from: the rest can still be compared.
    if (isKeystoneError(error)) return null;
    throw error;
  }
}

/** Columns are the same by field id, whatever they are called. */
function columnChanges(from: readonly TableField[], to: readonly TableField[]): readonly DefinitionChange[] {
  const older = new Map(from.map((field) => [field.id, field]));
  const newer = new Set(to.map((field) => field.id));
  const changed = to.flatMap((field): readonly DefinitionChange[] => {
    const before = older.get(field.id);
    const [was, is] = [before ? columnText(before) : null, columnText(field)];
    return was === is ? [] : [{ kind: 'column', name: field.name, from: was, to: is }];
  });
  const dropped = from.filter((field) => !newer.has(field.id));
  return [
    ...changed,
    ...dropped.map((field): DefinitionChange => ({ kind: 'column', name: field.name, from: columnText(field), to: null })),
  ];
}

const columnText = ({ name, type, required }: TableField): string => `${name} ${typeText(type)}${required ? ' required' : ''}`;

/** `day(log_time), bucket[16](source)`; `nothing` for an unpartitioned table. */
function specText(metadata: TableMetadata): string {
  const fields = specFields(metadata, metadata['default-spec-id']).filter(({ transform }) => transform !== 'void');
  const texts = fields.map(({ transform, column, name }) =>
    transform === 'identity' ? (column ?? name) : `${transform}(${column ?? name})`,
  );
  return texts.join(', ') || 'nothing';
}

function propertyChanges(from: TableMetadata, to: TableMetadata): readonly DefinitionChange[] {
  const [older, newer] = [from.properties ?? {}, to.properties ?? {}];
  return [...new Set([...Object.keys(older), ...Object.keys(newer)])]
    .toSorted()
    .filter((name) => older[name] !== newer[name])
    .map((name) => ({ kind: 'property', name, from: older[name] ?? null, to: newer[name] ?? null }));
}

/**
 * An Iceberg table as Glue holds it: which metadata file is current, and the columns for people and tools that browse the catalog.
 * The parameters are those of Iceberg's own Glue catalog, so Athena, Trino and Spark open the table by its name.
 */
import type { Column, Table, TableInput } from '@aws-sdk/client-glue';
import { hiveType } from '../hive-type.js';
import type { MetadataSchema, TableMetadata } from '../table-metadata.js';
import { currentSchema } from '../table-metadata.js';

/** Limits of Glue: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html#aws-glue-api-catalog-tables-Column */
const LONGEST_COMMENT = 255;
const LONGEST_DESCRIPTION = 2048;

export const METADATA_LOCATION = 'metadata_location';
const PREVIOUS_LOCATION = 'previous_metadata_location';

/** Whether Glue's table is an Iceberg table: others are no business of ours. */
export const isIceberg = (table: Table): boolean =>
  table.Parameters?.['table_type']?.toUpperCase() === 'ICEBERG' && table.Parameters[METADATA_LOCATION] !== undefined;

/** `before`: the table as Glue has it; what other engines put there stays. */
export function icebergTableInput(
  name: string,
  metadata: TableMetadata,
  location: string,
  before: Table | null,
): TableInput & { readonly Name: string } {
  const previous = before?.Parameters?.[METADATA_LOCATION];
  const description = metadata.properties?.['comment'] ?? before?.Description;
  return {
    Name: name,
    ...(before?.Owner === undefined ? {} : { Owner: before.Owner }),
    ...(before?.Retention === undefined ? {} : { Retention: before.Retention }),
    ...(description === undefined ? {} : { Description: description.slice(0, LONGEST_DESCRIPTION) }),
    TableType: 'EXTERNAL_TABLE',
    PartitionKeys: [],
    StorageDescriptor: { Location: metadata.location, Columns: columnsOf(metadata) },
    Parameters: {
      ...before?.Parameters,
      EXTERNAL: 'TRUE',
      table_type: 'ICEBERG',
      [METADATA_LOCATION]: location,
      ...(previous === undefined ? {} : { [PREVIOUS_LOCATION]: previous }),
    },
  };
}

/** Current columns first, then those that only older schemas have, as Iceberg's own Glue catalog lists them. */
function columnsOf(metadata: TableMetadata): Column[] {
  const current = currentSchema(metadata);
  const names = new Set<string>();
  const columns: Column[] = [];
  for (const schema of [current, ...metadata.schemas]) {
    for (const field of schema.fields) {
      if (names.has(field.name.toLowerCase())) continue;
      names.add(field.name.toLowerCase());
      columns.push(columnOf(field, schema === current));
    }
  }
  return columns;
}

function columnOf(field: MetadataSchema['fields'][number], isCurrent: boolean): Column {
  const { type, doc, required } = field as { readonly type?: unknown; readonly doc?: unknown; readonly required?: unknown };
  return {
    Name: field.name,
    Type: hiveType(type),
    ...(typeof doc === 'string' && doc !== '' ? { Comment: commentText(doc) } : {}),
    Parameters: {
      'iceberg.field.id': String(field.id),
      'iceberg.field.optional': String(required !== true),
      'iceberg.field.current': String(isCurrent),
    },
  };
}

/** One line, of the length that Glue takes. */
export const commentText = (text: string): string => text.replaceAll(/\s+/g, ' ').trim().slice(0, LONGEST_COMMENT);

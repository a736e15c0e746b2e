/** Iceberg's types as Trino and Athena spell them. https://trino.io/docs/current/connector/iceberg.html#type-mapping */
import { quoteIdentifier } from '../engine/sql-text.js';
import type { IcebergType } from './table-api.js';

const TYPES: Readonly<Record<string, string>> = {
  boolean: 'BOOLEAN',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'REAL',
  double: 'DOUBLE',
  date: 'DATE',
  timestamp: 'TIMESTAMP(6)',
  string: 'VARCHAR',
  binary: 'VARBINARY',
};

/** e.g. `DECIMAL(12,2)`, `ARRAY(ROW("key" VARCHAR, "value" VARBINARY))`. */
export function trinoType(type: IcebergType): string {
  if (typeof type === 'string') return TYPES[type] ?? type.toUpperCase();
  if (type.kind === 'list') return `ARRAY(${trinoType(type.element)})`;
  return `ROW(${type.fields.map((field) => `${quoteIdentifier(field.name)} ${trinoType(field.type)}`).join(', ')})`;
}

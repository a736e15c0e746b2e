/** Trino's names of Iceberg's types (https://trino.io/docs/current/connector/iceberg.html#type-mapping). */
import type { IcebergType } from '../../table/table-api.js';

const NAMES: Readonly<Record<string, string>> = {
  int: 'integer',
  long: 'bigint',
  float: 'real',
  timestamp: 'timestamp(6)',
  string: 'varchar',
  binary: 'varbinary',
};

export function icebergTypeText(type: IcebergType): string {
  if (typeof type === 'string') return NAMES[type] ?? type;
  if (type.kind === 'list') return `array(${icebergTypeText(type.element)})`;
  return `row(${type.fields.map((field) => `${field.name} ${icebergTypeText(field.type)}`).join(', ')})`;
}

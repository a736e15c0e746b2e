/** The Iceberg definition of a gold table, from the columns that its model's query gives. */
import { KeystoneError } from '../errors.js';
import type { IcebergPrimitive, TableDefinition, TableField } from '../table/table-api.js';
import type { Model } from './model.js';

export interface ModelColumn {
  readonly name: string;
  /** DuckDB's type name. */
  readonly type: string;
}

const TYPES: Readonly<Record<string, IcebergPrimitive>> = {
  BOOLEAN: 'boolean',
  INTEGER: 'int',
  BIGINT: 'long',
  FLOAT: 'float',
  DOUBLE: 'double',
  DATE: 'date',
  TIMESTAMP: 'timestamp',
  VARCHAR: 'string',
  BLOB: 'binary',
};

/**
 * Columns keep the field ids they have in the existing table; new ones get the next. A column that a rewritten model no longer
 * gives stays in the table, null from then on. Throws KS_MODEL for a type without a counterpart.
 */
export function goldTable(model: Model, columns: readonly ModelColumn[], existing: readonly TableField[]): TableDefinition {
  const known = new Map(existing.map((field) => [field.name, field]));
  let lastId = Math.max(0, ...existing.map((field) => field.id));
  const fields = columns.map((column): TableField => {
    const type = icebergTypeOf(model, column);
    const id = known.get(column.name)?.id ?? (lastId += 1);
    return { id, name: column.name, type, required: false };
  });
  const kept = existing.filter((field) => !columns.some((column) => column.name === field.name));
  if (model.partition && !columns.some((column) => column.name === model.partition?.column)) {
    throw new KeystoneError(
      'KS_MODEL',
      `${model.name} is partitioned by ${model.partition.column}, which its query does not give`,
      {
        hint: `change ${model.path}`,
      },
    );
  }
  return {
    name: model.name,
    fields: [...fields, ...kept],
    partition: model.partition ? [model.partition] : [],
    properties: { 'write.parquet.compression-codec': 'zstd', 'keystone.layer': 'gold' },
  };
}

/** Throws KS_MODEL for a type without a counterpart. */
export function icebergTypeOf(model: Model, column: ModelColumn): IcebergPrimitive {
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(column.type);
  if (decimal) return `decimal(${Number(decimal[1])},${Number(decimal[2])})`;
  const type = TYPES[column.type];
  if (type) return type;
  throw new KeystoneError('KS_MODEL', `${model.name}: the column ${column.name} is a ${column.type}, which tables do not hold`, {
    hint: `cast it in ${model.path}, e.g. CAST(${column.name} AS BIGINT)`,
  });
}

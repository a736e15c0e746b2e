/**
 * The Iceberg definition of `silver.<dataset>`, from its contract: the contract's columns, where each row came from, and plain
 * year, month, day columns beside the hidden partition, so that filters written either way prune (design.md, prototypes' traps).
 */
import type { ColumnType, Contract } from '../contract/contract.js';
import type { IcebergPrimitive, TableDefinition, TableField, TableName } from '../table/table-api.js';

/** Columns that every silver table ends with: the log position, id and log time of the event that the row is. */
export const LINEAGE_COLUMNS = ['_topic', '_partition', '_offset', '_event_id', '_log_time'] as const;

const LINEAGE_TYPES: readonly IcebergPrimitive[] = ['string', 'int', 'long', 'string', 'timestamp'];

export const silverTableName = (dataset: string): TableName => `silver.${dataset}`;

export function icebergTypeOf(type: ColumnType): IcebergPrimitive {
  switch (type.kind) {
    case 'integer':
      return 'int';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    default:
      return type.kind;
  }
}

/** DuckDB's name of a contract column's type. */
export function duckTypeOf(type: ColumnType): string {
  switch (type.kind) {
    case 'string':
      return 'VARCHAR';
    case 'integer':
      return 'INTEGER';
    case 'long':
      return 'BIGINT';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    default:
      return type.kind.toUpperCase();
  }
}

export function silverTable(contract: Contract): TableDefinition {
  let id = 0;
  const field = (name: string, type: IcebergPrimitive, required: boolean, doc?: string): TableField => ({
    id: ++id,
    name,
    type,
    required,
    ...(doc ? { doc } : {}),
  });
  const key = new Set(contract.key);
  const fields = [
    ...LINEAGE_COLUMNS.map((name, index) => field(name, LINEAGE_TYPES[index] as IcebergPrimitive, true)),
    ...(contract.partition ? ['year', 'month', 'day'].map((name) => field(name, 'int', false)) : []),
    // Contract columns come last, so that a column added to the contract gets the next id.
    ...contract.columns.map((column) =>
      field(column.name, icebergTypeOf(column.type), column.required || key.has(column.name), column.description),
    ),
  ];
  return {
    name: silverTableName(contract.dataset),
    fields,
    partition: contract.partition ? [contract.partition] : [],
    properties: { 'write.parquet.compression-codec': 'snappy', 'keystone.layer': 'silver' },
  };
}

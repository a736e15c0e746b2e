/**
 * The Iceberg definition of `silver.<dataset>`, from its contract: the contract's columns, where each row came from, and plain
 * year, month, day columns beside the hidden partition, so that filters written either way prune.
 */
import type { ColumnType, Contract } from '../contract/contract.js';
import type { IcebergPrimitive, TableDefinition, TableField, TableName } from '../table/table-api.js';

/** Columns that every silver table ends with: the log position, id and log time of the event that the row is. */
export const LINEAGE_COLUMNS = ['_topic', '_partition', '_offset', '_event_id', '_log_time'] as const;

const LINEAGE_TYPES: readonly IcebergPrimitive[] = ['string', 'int', 'long', 'string', 'timestamp'];

export const silverTableName = (dataset: string): TableName => `silver.${dataset}`;

function icebergTypeOf(type: ColumnType): IcebergPrimitive {
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
  const key = new Set(contract.key);
  const partitionColumns = contract.partition ? ['year', 'month', 'day'] : [];
  const firstColumnId = LINEAGE_COLUMNS.length + 4;
  const fields: readonly TableField[] = [
    ...contract.columns.map((column, index) => ({
      // Behind lineage (1-5) and partition columns (6-8), so that a column added to the contract gets the next id.
      id: firstColumnId + index,
      name: column.name,
      type: icebergTypeOf(column.type),
      required: column.required || key.has(column.name),
      ...(column.description ? { doc: column.description } : {}),
    })),
    ...LINEAGE_COLUMNS.map((name, index) => ({
      id: index + 1,
      name,
      type: LINEAGE_TYPES[index] as IcebergPrimitive,
      required: true,
    })),
    ...partitionColumns.map((name, index) => ({
      id: LINEAGE_COLUMNS.length + 1 + index,
      name,
      type: 'int' as const,
      required: false,
    })),
  ];
  return {
    name: silverTableName(contract.dataset),
    fields,
    partition: contract.partition ? [contract.partition] : [],
    properties: { 'write.parquet.compression-codec': 'snappy', 'keystone.layer': 'silver' },
  };
}

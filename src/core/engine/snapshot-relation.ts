/** A lake table in the SQL of Athena and Trino, read at one snapshot with the columns that the lake gives it now. */
import { KeystoneError } from '../errors.js';
import type { Table, TableField } from '../table/table-api.js';
import { currentSchema } from '../table/table-metadata.js';
import { trinoType } from '../table/trino-type.js';
import { quoteIdentifier, quoteLiteral } from './sql-text.js';
import { type StatementEngine, serviceTableSql } from './statement-engine.js';

export interface SnapshotRelation {
  readonly table: Table;
  readonly snapshotId: bigint;
  /** Columns that the relation has, by field id: a reading at a snapshot has those of its time. */
  readonly fields: readonly TableField[];
  /** Only the rows of these data files. */
  readonly files?: readonly string[];
  /** SQL condition over the columns. */
  readonly where?: string;
}

/** Stands behind FROM, with or without an alias behind it. Throws KS_NOT_FOUND when the snapshot is no longer kept. */
export async function snapshotRelation(engine: StatementEngine, relation: SnapshotRelation): Promise<string> {
  const { table, snapshotId, fields, files, where } = relation;
  const { metadata } = await table.metadata();
  const snapshot = metadata.snapshots?.find((each) => BigInt(each['snapshot-id']) === snapshotId);
  if (!snapshot) {
    throw new KeystoneError('KS_NOT_FOUND', `${table.name} no longer keeps the snapshot ${snapshotId}`, {
      hint: 'Run the same command again: it begins with the snapshots of now.',
    });
  }
  const schema = metadata.schemas.find((each) => each['schema-id'] === snapshot['schema-id']) ?? currentSchema(metadata);
  const names = new Map(schema.fields.map((field) => [field.id, field.name]));
  const source = `${serviceTableSql(engine, table.name)} FOR VERSION AS OF ${snapshotId}`;
  const isSame = schema.fields.length === fields.length && fields.every((field) => names.get(field.id) === field.name);
  if (isSame && files === undefined && where === undefined) return source;
  const columns = fields.map((field) => {
    const name = names.get(field.id);
    const value = name === undefined ? `CAST(NULL AS ${trinoType(field.type)})` : quoteIdentifier(name);
    return name === field.name ? value : `${value} AS ${quoteIdentifier(field.name)}`;
  });
  const conditions = [
    ...(files === undefined ? [] : [files.length === 0 ? 'false' : `"$path" IN (${files.map(quoteLiteral).join(', ')})`]),
    ...(where === undefined ? [] : [where]),
  ];
  return `(SELECT ${columns.join(', ')} FROM ${source}${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''})`;
}

/** A relation of these columns without rows. */
export const emptyRelation = (fields: readonly TableField[]): string =>
  `(SELECT ${fields.map((field) => `CAST(NULL AS ${trinoType(field.type)}) AS ${quoteIdentifier(field.name)}`).join(', ')} WHERE false)`;

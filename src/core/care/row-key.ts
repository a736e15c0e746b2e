/** The columns that name a row of a table. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { nearestName } from '../nearest-name.js';
import type { TableField, TableName } from '../table/table-api.js';

/** Of every table that keeps events as they came. */
const ORIGIN = ['topic', 'kafka_partition', 'kafka_offset'] as const;

/**
 * `wanted`, else the contract's key of a silver table, else the origin of an event; empty when the table has none of these columns.
 * Throws KS_USAGE when it lacks a wanted one.
 */
export async function rowKey(
  lakehouse: Pick<Lakehouse, 'contracts'>,
  name: TableName,
  fields: readonly TableField[],
  wanted: readonly string[] | undefined,
): Promise<readonly string[]> {
  const columns = new Set(fields.map((field) => field.name));
  const missing = wanted?.find((column) => !columns.has(column));
  if (missing !== undefined) {
    const near = nearestName(missing, columns);
    throw new KeystoneError('KS_USAGE', `${name} has no column "${missing}" to tell rows apart by`, {
      hint: `${near === undefined ? '' : `did you mean "${near}"? `}keystone table show ${name} lists the columns.`,
    });
  }
  if (wanted !== undefined && wanted.length > 0) return wanted;
  const usual = name.startsWith('silver.')
    ? ((await lakehouse.contracts()).get(name.slice('silver.'.length))?.key ?? [])
    : ORIGIN;
  return usual.length > 0 && usual.every((column) => columns.has(column)) ? usual : [];
}

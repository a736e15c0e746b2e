/** A column that a service does not know: it says no more than that, and the lake knows the tables. */
import { KeystoneError } from '../../errors.js';
import { nearestName } from '../../nearest-name.js';
import type { TableName } from '../../table/table-api.js';

/** The words of Trino, and of Athena, which is one. */
const UNKNOWN = /\bColumn '([^']+)' cannot be resolved/i;

/** The same error with a hint, where it tells of such a column; `columns` of the tables that the statement reads. */
export function withColumnHint(error: unknown, columns: ReadonlyMap<TableName, readonly string[]>): unknown {
  if (!(error instanceof KeystoneError) || error.code !== 'KS_SQL') return error;
  const [, written] = UNKNOWN.exec(error.message) ?? [];
  const [first] = columns.keys();
  if (written === undefined || first === undefined) return error;
  const given = written.slice(written.lastIndexOf('.') + 1);
  const near = nearestName(given, [...columns.values()].flat());
  const table = [...columns].find(([, names]) => near !== undefined && names.includes(near))?.[0] ?? first;
  const meant = near === undefined ? '' : `did you mean ${near} (${table})? `;
  return new KeystoneError(error.code, error.message, {
    hint: `${meant}keystone query "DESCRIBE ${table}" lists the columns`,
    details: { ...error.details, columnName: given },
    cause: error.cause,
  });
}

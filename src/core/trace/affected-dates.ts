/** Which dates of a gold model's partition column one row of an input touches, by the model's own `affected by` query. */
import { loadAthenaPrelude, useDialect } from '../engine/duckdb/athena-prelude.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { Model } from '../gold/model.js';
import { ordinalSql } from '../gold/partition-ordinal.js';
import { pinTable, viewPinned } from '../gold/pinned-table.js';
import type { Lakehouse } from '../lakehouse.js';
import type { TableName } from '../table/table-api.js';

export interface AffectedDates {
  /** Partition values, as Iceberg counts them; null: rows without a date. */
  readonly ordinals: readonly (number | null)[];
  /** `YYYY-MM-DD`, without the nulls. */
  readonly dates: readonly string[];
}

/** Sessions that know the models' dialect. */
const preluded = new WeakSet<DuckSession>();

/** A join with more rows than this is a search of its own. */
const JOINED_ROWS = 500_000;
const JOINED_FILES = 200;

/**
 * `rowSql`: SELECT of the input's row. null when the model does not say, or when saying it needs a join with a large table (`deep`
 * does it all the same).
 */
export async function affectedDates(
  lakehouse: Lakehouse,
  session: DuckSession,
  model: Model,
  input: TableName,
  rowSql: string,
  deep: boolean,
): Promise<AffectedDates | null> {
  const sql = model.affectedBy.get(input);
  if (sql === undefined || !model.partition) return null;
  for (const name of model.inputs.filter((each) => sql.includes(each))) {
    if (!deep && (await isLarge(lakehouse, name))) return null;
    const pinned = await pinTable(lakehouse, name);
    if (!pinned) return null;
    await viewPinned(lakehouse, session, pinned);
  }
  await session.run(`CREATE OR REPLACE TABLE main.changed AS ${rowSql}`);
  if (!preluded.has(session)) await loadAthenaPrelude(session);
  preluded.add(session);
  await useDialect(session, 'athena');
  try {
    const rows = await session.rows<{ ordinal: number | null; day: string | null }>(
      `SELECT DISTINCT ${ordinalSql(model.partition.transform, 'affected.d')} AS ordinal, CAST(CAST(affected.d AS DATE) AS VARCHAR) AS day
       FROM (${sql}) AS affected (d) ORDER BY 1 NULLS LAST`,
    );
    return {
      ordinals: [...new Set(rows.map(({ ordinal }) => ordinal))],
      dates: [...new Set(rows.flatMap(({ day }) => (day === null ? [] : [day])))],
    };
  } finally {
    await useDialect(session, 'engine');
  }
}

/** By the snapshot's own totals, without a look at its files. */
async function isLarge(lakehouse: Lakehouse, name: TableName): Promise<boolean> {
  const table = await lakehouse.table(name);
  const summary = (await table?.state())?.currentSnapshot?.summary ?? {};
  return Number(summary['total-records'] ?? 0) > JOINED_ROWS || Number(summary['total-data-files'] ?? 0) > JOINED_FILES;
}

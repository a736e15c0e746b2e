/** Everything that a lake says about its events, without the times at which it was done: two lakes fed alike must say the same. */
import type { Lakehouse } from '../../src/core/lakehouse.js';
import type { TableName } from '../../src/core/table/table-api.js';

const TIMES = new Set(['ingested_at', 'processed_at']);

/** Which later version is named as the winner of a superseded one depends on the ranges that a consumer happened to take. */
export const WINNERS: readonly string[] = ['winner_partition', 'winner_offset'];

/** Rows of each table as texts, in order; without the columns `omitted`. */
export async function lakeContents(
  lake: Lakehouse,
  omitted: readonly string[] = [],
): Promise<Readonly<Record<TableName, readonly string[]>>> {
  const contents: Record<TableName, readonly string[]> = {};
  const engine = await lake.engine();
  for (const name of await lake.tableNames()) {
    const state = await (await lake.table(name))?.state();
    const columns = (state?.fields ?? [])
      .map((field) => field.name)
      .filter((column) => !TIMES.has(column) && !omitted.includes(column));
    const row = `CAST({${columns.map((column) => `"${column}": "${column}"`).join(', ')}} AS VARCHAR)`;
    const { rows } = await engine.query(`SELECT ${row} AS line FROM ${name} ORDER BY 1`);
    contents[name] = rows.map((one) => String((one as { line: string }).line));
  }
  return contents;
}

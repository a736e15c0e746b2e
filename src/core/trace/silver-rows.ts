/** Finds the current silver rows of events. */
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { isKeystoneError } from '../errors.js';
import { jsonColumns } from '../event/business-key.js';
import type { Lakehouse } from '../lakehouse.js';
import { silverTableName } from '../silver/silver-table.js';
import type { DataFile, ScanOptions, Table } from '../table/table-api.js';
import { type BronzeRow, isSamePlace } from './bronze-rows.js';
import { fileRowsSql } from './file-rows.js';

export interface SilverRow {
  readonly event: BronzeRow;
  readonly table: Table;
  /** `DataFile.path`. */
  readonly path: string;
  readonly row: number;
  /** As DuckDB's JSON form: dates, decimals and long integers as text. */
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Of one dataset's events those that are current. Files are pruned by the events' offsets and, with a contract, by the value its
 * partition column has in the payload: a table of many days has a file for each day of each batch.
 */
export async function findSilverRows(
  lakehouse: Lakehouse,
  session: DuckSession,
  dataset: string,
  contract: Contract | undefined,
  events: readonly BronzeRow[],
): Promise<readonly SilverRow[]> {
  const table = await silverOf(lakehouse, dataset);
  if (!table || events.length === 0) return [];
  const files = new Map<string, DataFile>();
  for (const event of events) {
    const { files: found } = await table.scan({ bounds: boundsOf(event, contract) });
    for (const file of found) files.set(file.path, file);
  }
  if (files.size === 0) return [];
  const offsets = [...new Set(events.map(({ offset }) => offset))].join(', ');
  const columns = '_topic AS topic, _partition AS "partition", _offset AS "offset"';
  const found = await session.rows<{ topic: string; partition: number; offset: bigint; _path: string; _row: bigint }>(
    `${await fileRowsSql(table.store, [...files.values()], columns)} WHERE _offset IN (${offsets})`,
  );
  const rows: SilverRow[] = [];
  for (const { topic, partition, offset, _path: path, _row: row } of found) {
    const event = events.find((one) => isSamePlace(one, { topic, partition, offset: Number(offset) }));
    const file = files.get(path);
    if (!event || !file) continue;
    const [values = {}] = await session.jsonRows(
      `SELECT * EXCLUDE (_path, _row) FROM (${await fileRowsSql(table.store, [file], '*')}) WHERE _row = ${row}`,
    );
    rows.push({ event, table, path, row: Number(row), values });
  }
  return rows;
}

/** null: no table yet, or a dataset whose name can be none (clients may name anything). */
export async function silverOf(lakehouse: Lakehouse, dataset: string): Promise<Table | null> {
  try {
    return await lakehouse.table(silverTableName(dataset));
  } catch (error) {
    if (isKeystoneError(error) && error.code === 'KS_NOT_FOUND') return null;
    throw error;
  }
}

type Bounds = NonNullable<ScanOptions['bounds']>[number];

function boundsOf({ partition, offset, payload }: BronzeRow, contract: Contract | undefined): readonly Bounds[] {
  const bounds: Bounds[] = [
    { column: '_partition', min: partition, max: partition },
    { column: '_offset', min: offset, max: offset },
  ];
  const column = contract?.partition?.column;
  if (column === undefined || payload === null) return bounds;
  const value = jsonColumns(payload)(column);
  // A day as silver would cast it; anything unusual (an offset from UTC) is not pruned by.
  const day =
    typeof value === 'string' ? /^(\d{4}-\d\d-\d\d)(?:[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})?)?$/.exec(value.trim())?.[1] : undefined;
  if (day === undefined) return bounds;
  const isDate = contract?.columns.find(({ name }) => name === column)?.type.kind === 'date';
  return [...bounds, isDate ? { column, min: day, max: day } : { column, min: `${day} 00:00:00`, max: `${day} 23:59:59.999999` }];
}

/** The tables that a command of table care names: `silver.orders`, `silver` for a whole namespace, nothing for all. */
import type { Lakehouse } from '../lakehouse.js';
import { noSuchTable } from '../table/existing-table.js';
import type { Table } from '../table/table-api.js';

/** Each once, by name. Throws KS_NOT_FOUND naming what there is. */
export async function namedTables(lakehouse: Lakehouse, names: readonly string[]): Promise<readonly Table[]> {
  const known = await lakehouse.tableNames();
  const unknown = names.find((name) => !known.some((table) => table === name || table.startsWith(`${name}.`)));
  if (unknown !== undefined) throw noSuchTable(unknown, known);
  const wanted = known.filter(
    (table) => names.length === 0 || names.some((name) => table === name || table.startsWith(`${name}.`)),
  );
  const tables = await Promise.all(wanted.map((name) => lakehouse.table(name)));
  return tables.filter((table) => table !== null);
}

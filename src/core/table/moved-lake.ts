/** Whether a table's files lie where its metadata says: paths there are absolute, so a lake that was moved or copied cannot be read. */
import type { ResolvedConfig } from '../config/config.js';
import { isKeystoneError, KeystoneError } from '../errors.js';
import { lakePlace } from '../store/lake-place.js';
import { tableFolder } from './data-path.js';
import type { TableSource } from './existing-table.js';
import type { Table } from './table-api.js';

/** The lake folder in which the table was made when that is another than its store's, else null. */
export function otherLakeOf(table: Table): string | null {
  try {
    table.store.keyOf(table.location);
    return null;
  } catch (error) {
    if (!isKeystoneError(error) || error.code !== 'KS_STORE') throw error;
    const location = table.location.replace(/^file:(?:\/\/)?/, '').replace(/\/+$/, '');
    const inLake = `/${tableFolder(table.name)}`;
    return location.endsWith(inLake) ? location.slice(0, -inLake.length) : location;
  }
}

/** The part of the lakehouse that is asked. */
type Lake = TableSource & { readonly config: ResolvedConfig };

/** What is wrong with the first table that was made in another lake, and what to do; null: all lie where they say. */
export async function movedLake(lake: Lake): Promise<{ readonly found: string; readonly hint: string } | null> {
  for (const name of await lake.tableNames()) {
    const table = await lake.table(name);
    const other = table && otherLakeOf(table);
    if (other === null) continue;
    return {
      found: `${name} was written in ${other}, not in ${lakePlace(lake.config.profile)}: its files are not read here`,
      hint: 'keystone table relocate makes it readable where it lies now',
    };
  }
  return null;
}

/** Nothing can be built on such a lake: KS_STORE. */
export async function refuseMovedLake(lake: Lake): Promise<void> {
  const moved = await movedLake(lake);
  if (moved) throw new KeystoneError('KS_STORE', moved.found, { hint: moved.hint });
}

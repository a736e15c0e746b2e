/** Whether a table's files lie where its metadata says: paths there are absolute, so a lake that was moved or copied cannot be read. */
import { isKeystoneError } from '../errors.js';
import { tableFolder } from './data-path.js';
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

/** A table by the name that a person gave. */
import { KeystoneError } from '../errors.js';
import type { Table, TableName } from './table-api.js';

/** The part of the lakehouse that is asked. */
export interface TableSource {
  tableNames(): Promise<readonly TableName[]>;
  table(name: TableName): Promise<Table | null>;
}

/** Throws KS_NOT_FOUND naming the tables that there are. */
export async function existingTable(source: TableSource, name: string): Promise<Table> {
  const names = await source.tableNames();
  const table = names.includes(name as TableName) ? await source.table(name as TableName) : null;
  if (table) return table;
  throw noSuchTable(name, names);
}

export const noSuchTable = (name: string, names: readonly TableName[]): KeystoneError =>
  new KeystoneError('KS_NOT_FOUND', `There is no table ${name}`, {
    hint: names.length === 0 ? 'The lake has no tables yet: keystone consume run makes them.' : `There are: ${names.join(', ')}.`,
  });

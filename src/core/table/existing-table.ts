/** A table by the name that a person gave. */
import { KeystoneError } from '../errors.js';
import { nearestName } from '../nearest-name.js';
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

/** KS_NOT_FOUND with the table that was most likely meant: one of that name in a namespace that was left out, or of a near name. */
export function noSuchTable(name: string, names: readonly TableName[]): KeystoneError {
  const sameName = names.filter((one) => one.endsWith(`.${name.toLowerCase()}`));
  const near = nearTable(name, names);
  const meant = sameName.length > 0 || near === undefined ? sameName : [near];
  const all =
    names.length === 0 ? 'The lake has no tables yet: keystone consume run makes them.' : `There are: ${names.join(', ')}.`;
  return new KeystoneError('KS_NOT_FOUND', `There is no table ${name}`, {
    hint: meant.length > 0 ? `did you mean ${meant.join(' or ')}? keystone table list shows all` : all,
  });
}

/** In the namespace given, where there is one of that name: a shared namespace alone brings two names near to each other. */
function nearTable(name: string, names: readonly TableName[]): string | undefined {
  const namespace = name.slice(0, name.indexOf('.') + 1);
  const inside = names.filter((one) => namespace !== '' && one.startsWith(namespace)).map((one) => one.slice(namespace.length));
  if (inside.length === 0) return nearestName(name, names);
  const near = nearestName(name.slice(namespace.length), inside);
  return near === undefined ? undefined : `${namespace}${near}`;
}

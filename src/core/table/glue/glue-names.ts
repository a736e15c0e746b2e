/** Names of tables between the lake (`silver.orders`) and Glue (database `<prefix>silver`, table `orders`). */
import { paginateGetDatabases, paginateGetTables } from '@aws-sdk/client-glue';
import { isKeystoneError, KeystoneError } from '../../errors.js';
import type { ObjectStore } from '../../store/object-store.js';
import type { TableName } from '../table-api.js';
import type { Glue } from './glue-client.js';
import { isIceberg, METADATA_LOCATION } from './glue-table-input.js';

/** Glue folds names to small letters, and Athena takes no others without quotes. */
const NAME = /^([a-z0-9_]+)\.([a-z0-9_]+)$/;

/** Namespace and table; KS_NOT_FOUND for a name that Glue cannot hold. */
export function checkedGlueName(name: TableName): readonly [string, string] {
  const [, namespace, table] = NAME.exec(name) ?? [];
  if (namespace !== undefined && table !== undefined) return [namespace, table];
  throw new KeystoneError('KS_NOT_FOUND', `"${name}" is no table name`, {
    hint: 'A table in Glue is named <namespace>.<name> in small letters, digits and _, e.g. silver.orders: keystone table list shows all.',
  });
}

/** Databases of the lake: those with its prefix. */
export async function databasesOf(glue: Glue): Promise<readonly string[]> {
  return glue.send('list the databases', async (client) => {
    const names: string[] = [];
    for await (const { DatabaseList } of paginateGetDatabases({ client }, { ...glue.catalog }))
      for (const { Name } of DatabaseList ?? []) if (Name !== undefined && glue.namespace(Name) !== null) names.push(Name);
    return names.toSorted();
  });
}

export interface IcebergTables {
  /** Whose metadata lies in the lake. Ordered by name. */
  readonly inside: readonly TableName[];
  /** Others in the lake's databases, under names of its layers: of another lake that shares them, or this one's where its place is set wrong. */
  readonly outside: readonly { readonly name: TableName; readonly database: string; readonly location: string }[];
}

/** Namespaces that hold what Keystone made and nothing else. */
const LAYERS = new Set(['bronze', 'silver', 'gold', 'quarantine', 'error', 'ledger']);

export async function icebergTables(glue: Glue, store: ObjectStore): Promise<IcebergTables> {
  const inside: TableName[] = [];
  const outside: IcebergTables['outside'][number][] = [];
  for (const database of await databasesOf(glue)) {
    const namespace = glue.namespace(database);
    const found = await glue.send(
      `list the tables of ${database}`,
      async (client) => {
        const tables: { readonly table: string; readonly location: string }[] = [];
        for await (const { TableList } of paginateGetTables({ client }, { ...glue.catalog, DatabaseName: database }))
          for (const table of TableList ?? [])
            if (table.Name !== undefined && isIceberg(table))
              tables.push({ table: table.Name, location: table.Parameters?.[METADATA_LOCATION] ?? '' });
        return tables;
      },
      ['EntityNotFoundException'], // removed since it was listed
    );
    if (typeof found === 'string') continue;
    for (const { table, location } of found) {
      const name: TableName = `${namespace}.${table}`;
      if (!NAME.test(name)) continue;
      if (isInside(store, location)) inside.push(name);
      else if (LAYERS.has(namespace ?? '')) outside.push({ name, database, location });
    }
  }
  return { inside: inside.toSorted(), outside };
}

/** Whether the lake's store holds the URI. */
function isInside(store: ObjectStore, uri: string): boolean {
  try {
    store.keyOf(uri);
    return true;
  } catch (error) {
    if (isKeystoneError(error)) return false;
    throw error;
  }
}

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

/** Iceberg tables whose metadata lies in the lake: others may share the catalog. Ordered by name. */
export async function icebergTables(glue: Glue, store: ObjectStore): Promise<readonly TableName[]> {
  const names: TableName[] = [];
  for (const database of await databasesOf(glue)) {
    const namespace = glue.namespace(database);
    const found = await glue.send(
      `list the tables of ${database}`,
      async (client) => {
        const tables: string[] = [];
        for await (const { TableList } of paginateGetTables({ client }, { ...glue.catalog, DatabaseName: database })) {
          for (const table of TableList ?? [])
            if (table.Name !== undefined && isIceberg(table) && isInside(store, table.Parameters?.[METADATA_LOCATION] ?? ''))
              tables.push(table.Name);
        }
        return tables;
      },
      ['EntityNotFoundException'], // removed since it was listed
    );
    if (typeof found === 'string') continue;
    names.push(...found.map((table): TableName => `${namespace}.${table}`).filter((name) => NAME.test(name)));
  }
  return names.toSorted();
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

/** Which metadata file a table is entered under, and that a catalog in the folder is closed before. */
import { describe, expect, it } from 'vitest';
import { registerTables, type RegisterOptions } from '../../../src/core/care/register-tables.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import type { TableName } from '../../../src/core/table/table-api.js';
import { openTable } from '../../../src/core/table/table.js';
import { systemEffects } from '../../support/effects.js';
import { bareFile, freshTable } from '../table/orders-table.js';

/** A table of two commits in a folder, and a catalog that knows nothing yet. */
async function lakeToRegister() {
  const { store, table } = await freshTable();
  for (const name of ['one', 'two']) await table.commit({ add: [bareFile(table, name)] });
  const entered = new Map<TableName, string>();
  const lakehouse = {
    store: async () => store,
    catalog: async () => ({
      tableNames: async () => [...entered.keys()],
      register: async (name: TableName, location: string) => !entered.has(name) && Boolean(entered.set(name, location)),
    }),
  } as unknown as Lakehouse;
  const register = (options: Partial<RegisterOptions> = {}) =>
    registerTables(lakehouse, {
      tables: [],
      dryRun: false,
      confirmed: true,
      progress: () => undefined,
      signal: new AbortController().signal,
      ...options,
    });
  const key = (file: string): string => `silver/orders/metadata/${file}`;
  return { store, table, entered, register, key };
}

describe('table register', () => {
  it('enters a table under its newest version, once, and refuses who still commits to the folder', async () => {
    const { store, table, entered, register, key } = await lakeToRegister();
    await expect(register({ confirmed: false })).rejects.toMatchObject({ code: 'KS_USAGE' });
    expect((await register({ dryRun: true, confirmed: false })).tables).toMatchObject([{ table: 'silver.orders', snapshots: 2 }]);
    expect(entered.size).toBe(0);
    await table.commit({ add: [bareFile(table, 'three')] }); // nothing is closed yet

    expect((await register()).tables).toMatchObject([{ snapshots: 3 }]);
    expect(entered.get('silver.orders')).toBe(store.uri(key('v4.metadata.json')));
    expect(await register()).toMatchObject({ tables: [], known: 1 });
    const closed = { code: 'KS_TABLE_CORRUPT', hint: expect.stringContaining('registered in Glue') };
    await expect(table.commit({ add: [bareFile(table, 'four')] })).rejects.toMatchObject(closed);
    await expect(openTable(openFolderCatalog(store), store, 'silver.orders', systemEffects())).rejects.toMatchObject(closed);
  });

  it('goes on after a crash between closing and entering', async () => {
    const { store, register, key, entered } = await lakeToRegister();
    await store.put(key('v4.metadata.json'), new Uint8Array(), { kind: 'ifAbsent' });
    await register();
    expect(entered.get('silver.orders')).toBe(store.uri(key('v3.metadata.json')));
  });

  it('passes over a commit whose files are not there, and asks where two were equally new', async () => {
    const { store, register, key, entered } = await lakeToRegister();
    const newest = new TextDecoder().decode((await store.get(key('v3.metadata.json')))?.body);
    const put = (file: string, text: string): Promise<unknown> => store.put(key(file), new TextEncoder().encode(text));
    await put('00005-a.metadata.json', newest.replaceAll('/snap-', '/gone-'));
    expect((await register({ dryRun: true })).tables[0]?.metadata).toBe(store.uri(key('v3.metadata.json')));
    await put('00004-a.metadata.json', newest);
    await put('00004-b.metadata.json', newest);
    await expect(register()).rejects.toMatchObject({ code: 'KS_TABLE_CORRUPT', hint: expect.stringContaining('00004-b') });
    await store.delete([key('00004-b.metadata.json')]);
    await register();
    expect(entered.get('silver.orders')).toBe(store.uri(key('00004-a.metadata.json')));
  });

  it('takes names and namespaces, and says which it does not find', async () => {
    const { register } = await lakeToRegister();
    expect((await register({ tables: ['silver'], dryRun: true })).tables).toHaveLength(1);
    await expect(register({ tables: ['gold'] })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });
});

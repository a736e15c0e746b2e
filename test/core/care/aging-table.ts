/** A table with history for the tests of table care, and what its metadata names. */
import type { ObjectStore } from '../../../src/core/store/object-store.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import type { DataFile, OffsetFence, Snapshot, Table } from '../../../src/core/table/table-api.js';
import type { TableMetadata } from '../../../src/core/table/table-metadata.js';
import { ensureTable } from '../../../src/core/table/table.js';
import { systemEffects } from '../../support/effects.js';
import { ORDERS, bareFile } from '../table/orders-table.js';

/** A clock that is `aheadMs` ahead of the system's. */
export const later = (aheadMs: number) => ({ clock: { ...systemEffects().clock, nowMs: () => Date.now() + aheadMs } });

export const HOUR_MS = 3_600_000;

export const openOrders = (store: ObjectStore): Promise<Table> =>
  ensureTable(openFolderCatalog(store), store, ORDERS, systemEffects());

/** Commits a data file of that name (its bytes are its name), in place of `replaced`. */
export async function commitFile(table: Table, name: string, replaced?: DataFile, fence?: OffsetFence): Promise<DataFile> {
  const file = bareFile(table, name);
  await table.store.put(table.store.keyOf(file.path), new TextEncoder().encode(name));
  const outcome = await table.commit({
    add: [file],
    ...(replaced ? { remove: [replaced.path] } : {}),
    ...(fence ? { fence } : {}),
  });
  if (outcome.kind !== 'committed') throw new Error(outcome.reason);
  return file;
}

/** Commits `count` files, each in place of the one before; gives the last. */
export async function replaceAgain(table: Table, count: number, prefix = 'f'): Promise<DataFile> {
  let last: DataFile | undefined;
  for (let n = 0; n < count; n += 1) last = await commitFile(table, `${prefix}${n}`, last);
  return last as DataFile;
}

export const currentOf = async (table: Table): Promise<Snapshot> => (await table.state()).currentSnapshot as Snapshot;

/** Keys below the table's folder, but for metadata versions and the hint. */
export async function keysOf(table: Table): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of table.store.list('silver/orders/')) keys.push(key);
  return keys.filter((key) => !/\.metadata\.json$|version-hint/.test(key));
}

/** Keys of everything that the metadata names, found through the table itself. */
export async function namedKeys(table: Table): Promise<readonly string[]> {
  const { manifestsOf } = await import('../../../src/core/care/named-files.js');
  const { metadata } = await table.metadata();
  const snapshots = metadata.snapshots ?? [];
  const named = new Set<string>(snapshots.map((one) => one['manifest-list']));
  for (const uri of (await manifestsOf(table.store, snapshots)).keys()) named.add(uri);
  for (const one of snapshots) {
    for (const file of (await table.scan({ snapshotId: BigInt(one['snapshot-id']) })).files) named.add(file.path);
  }
  return [...named].map((uri) => table.store.keyOf(uri)).toSorted();
}

/** Every file of every kept snapshot is there. */
export async function missingFiles(table: Table): Promise<readonly string[]> {
  const there = new Set(await keysOf(table));
  return (await namedKeys(table)).filter((key) => !there.has(key));
}

/** Changes the metadata as another engine would. */
export const changeAs = (table: Table, change: (metadata: TableMetadata) => TableMetadata): Promise<TableMetadata> =>
  table.changeMetadata(async (base) => change(base));

/**
 * Makes one table of a lake that was moved or copied readable where it lies: every path in its metadata is absolute. New manifests
 * and manifest lists are written beside the old ones, then the metadata that names them becomes current by the catalog's swap. A crash
 * before that leaves orphans, and the table as it was.
 */
import { KeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import { tableFolder } from '../table/data-path.js';
import { type MovePath, manifestPaths, movedManifest, movedManifestList } from '../table/moved-paths.js';
import { randomUuid } from '../table/random-names.js';
import type { Table, TableName } from '../table/table-api.js';
import type { TableMetadata } from '../table/table-metadata.js';

export interface RelocatedTable {
  readonly table: TableName;
  readonly snapshots: number;
  readonly manifests: number;
  /** Data files of all kept snapshots. */
  readonly dataFiles: number;
  /** Files that a snapshot names and that did not come along; with `force` the snapshot goes on naming them. */
  readonly missing: readonly string[];
}

/** Looks whether everything that the snapshots name came along. Throws KS_TABLE_UNSUPPORTED for a file outside the old lake. */
export async function examineTable(table: Table, from: string): Promise<RelocatedTable> {
  const { store, name } = table;
  const { metadata } = await table.metadata();
  const move = pathMover(store, table, from);
  const there = new Set<string>();
  for await (const { key } of store.list(`${tableFolder(name)}/`)) there.add(key);
  const missing = new Set<string>();
  const manifests = new Set<string>();
  const dataFiles = new Set<string>();
  const read = async (path: string): Promise<Uint8Array | null> => {
    const found = await store.get(store.keyOf(path));
    if (!found) missing.add(path);
    return found && found.body;
  };
  for (const snapshot of metadata.snapshots ?? []) {
    const path = move(snapshot['manifest-list']);
    const list = await read(path);
    for (const manifest of list ? manifestPaths(list, path) : []) manifests.add(move(manifest));
  }
  for (const path of manifests) {
    const bytes = await read(path);
    for (const file of bytes ? movedManifest(bytes, path, move).live : []) dataFiles.add(file);
  }
  for (const path of dataFiles) if (!there.has(store.keyOf(path))) missing.add(path);
  return {
    table: name,
    snapshots: metadata.snapshots?.length ?? 0,
    manifests: manifests.size,
    dataFiles: dataFiles.size,
    missing: [...missing],
  };
}

/** Writes the new manifests and makes them current. A table that another process relocated meanwhile stays as that one made it. */
export async function relocateTable(table: Table, from: string, randomBytes: (length: number) => Uint8Array): Promise<void> {
  const { store, name } = table;
  const move = pathMover(store, table, from);
  const unique = randomUuid(randomBytes);
  const written: string[] = [];
  const put = async (fileName: string, bytes: Uint8Array): Promise<string> => {
    const key = `${tableFolder(name)}/metadata/${fileName}`;
    written.push(key);
    await store.put(key, bytes);
    return store.uri(key);
  };
  const movedTo = new Map<string, { readonly path: string; readonly length: number | null }>();
  const moveManifest = async (oldPath: string): Promise<void> => {
    if (movedTo.has(oldPath)) return;
    const path = move(oldPath);
    const stored = await store.get(store.keyOf(path));
    if (!stored) return void movedTo.set(oldPath, { path, length: null });
    const { bytes } = movedManifest(stored.body, path, move);
    movedTo.set(oldPath, { path: await put(`${unique}-m${movedTo.size}.avro`, bytes), length: bytes.length });
  };
  const moveList = async (snapshotId: bigint, oldPath: string): Promise<string> => {
    const path = move(oldPath);
    const stored = await store.get(store.keyOf(path));
    if (!stored) return path;
    for (const manifest of manifestPaths(stored.body, path)) await moveManifest(manifest);
    const list = movedManifestList(
      stored.body,
      path,
      (manifest) => movedTo.get(manifest) ?? { path: move(manifest), length: null },
    );
    return put(`snap-${snapshotId}-1-${unique}.avro`, list);
  };
  let swapped = false;
  try {
    await table.changeMetadata(async (base) => {
      swapped = base.location === table.location;
      if (!swapped) return null;
      const lists = new Map<string, string>();
      for (const snapshot of base.snapshots ?? []) {
        const path = snapshot['manifest-list'];
        lists.set(path, await moveList(BigInt(snapshot['snapshot-id']), path));
      }
      return movedMetadata(base, move, (list) => lists.get(list) ?? move(list), from);
    });
  } catch (error) {
    // The swap may have happened and its answer been lost: then the files are needed. Otherwise they are orphans.
    const now = await table.metadata().catch(() => null);
    if (now?.metadata.location === table.location) await store.delete(written).catch(() => undefined);
    throw error;
  }
  if (!swapped) await store.delete(written);
}

function movedMetadata(base: TableMetadata, move: MovePath, moveList: MovePath, from: string): TableMetadata {
  const statistics = (['statistics', 'partition-statistics'] as const)
    .filter((key) => Array.isArray(base[key]))
    .map((key) => [
      key,
      (base[key] as readonly { readonly 'statistics-path': string }[]).map((one) => ({
        ...one,
        'statistics-path': move(one['statistics-path']),
      })),
    ]);
  // Such as write.data.path of other engines.
  const properties = Object.entries(base.properties ?? {}).map(([key, value]) => [
    key,
    withoutScheme(value).startsWith(`${from}/`) ? move(value) : value,
  ]);
  return {
    ...base,
    ...(Object.fromEntries(statistics) as object),
    location: move(base.location),
    ...(base.properties ? { properties: Object.fromEntries(properties) as Record<string, string> } : {}),
    snapshots: (base.snapshots ?? []).map((one) => ({ ...one, 'manifest-list': moveList(one['manifest-list']) })),
    // Earlier metadata files name the old place throughout: going back to one would be going back there.
    'metadata-log': [],
  };
}

const SCHEME = /^file:(?:\/\/)?/;
const withoutScheme = (path: string): string => path.replace(SCHEME, '');

/** Paths of the lake `from` as paths of this store's; a `file:` URI stays one. */
function pathMover(store: ObjectStore, table: Table, from: string): MovePath {
  const to = store.uri('');
  return (path) => {
    const plain = withoutScheme(path);
    // A table that was empty when it was moved may have been written to here.
    if (!plain.startsWith(`${from}/`) && plain.startsWith(`${to}/`)) return path;
    if (!plain.startsWith(`${from}/`)) {
      throw new KeystoneError('KS_TABLE_UNSUPPORTED', `${table.name} names ${path}, which lies outside the lake folder ${from}`, {
        hint: `Put the lake back to ${from}, rewrite the table there so that all its files lie in it, then move it again.`,
      });
    }
    const scheme = SCHEME.exec(path)?.[0] ?? '';
    return `${scheme}${scheme === '' ? to : encodeURI(to)}${plain.slice(from.length)}`;
  };
}

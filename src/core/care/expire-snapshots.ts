/**
 * Drops old snapshots of a table and the files that nothing else names. Safe beside writers and readers: first the metadata without
 * them becomes current, then files go, and of these only what the newest metadata, read after that, does not name. A crash in between
 * leaves files that nobody names (`remove-orphans.ts`), never a name without a file.
 */
import type { Clock } from '../clock.js';
import { isKeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import type { Table, TableName } from '../table/table-api.js';
import type { MetadataSnapshot, TableMetadata } from '../table/table-metadata.js';
import { statisticsPaths, withoutSnapshots } from '../table/without-snapshots.js';
import { deleteOldMetadata } from './delete-old-metadata.js';
import { deleteFiles } from './delete-files.js';
import { emptyOldVersions } from './empty-old-versions.js';
import { type ExpiryPolicy, snapshotsToExpire } from './expiry-policy.js';
import { dataFilesOf, indexKeysOf, manifestsOf, namesInUse, namesOf } from './named-files.js';

export interface ExpiredSnapshots {
  readonly table: TableName;
  readonly expiredSnapshots: number;
  readonly keptSnapshots: number;
  readonly dataFiles: number;
  /** Of the data files. */
  readonly bytes: number;
  /** Manifests, manifest lists, statistics, and the id index of bronze's data files. */
  readonly metadataFiles: number;
  /** Old versions of the metadata whose contents were let go, and where their names are nobody's any more the files. */
  readonly emptiedVersions: number;
}

export interface ExpiryOptions {
  /** Say what would go; change nothing. */
  readonly dryRun?: boolean;
}

/** Throws KS_COMMIT_CONFLICT after many lost races, KS_TABLE_CORRUPT when a kept snapshot can't be read: then no file is deleted. */
export async function expireSnapshots(
  table: Table,
  policy: ExpiryPolicy,
  effects: { readonly clock: Clock },
  options: ExpiryOptions = {},
): Promise<ExpiredSnapshots> {
  const { store } = table;
  store.keyOf(table.location); // a lake that was moved names no file here: refused before anything changes
  const nowMs = effects.clock.nowMs();
  let before = (await table.metadata()).metadata;
  let expired = snapshotsToExpire(before, policy, nowMs);
  const drop = (base: TableMetadata): TableMetadata =>
    withoutSnapshots(base, new Set(expired.map((one) => BigInt(one['snapshot-id']))));
  const counted = async (newest: TableMetadata, doomed: DoomedFiles): Promise<ExpiredSnapshots> => ({
    table: table.name,
    expiredSnapshots: expired.length,
    keptSnapshots: newest.snapshots?.length ?? 0,
    dataFiles: doomed.data.length,
    bytes: doomed.bytes,
    metadataFiles: doomed.metadata.length,
    emptiedVersions: (await emptyOldVersions(table, nowMs, options)) + (await deleteOldMetadata(table, nowMs, options)),
  });
  if (expired.length === 0) return counted(before, { data: [], bytes: 0, metadata: [] });
  if (options.dryRun) {
    const after = drop(before);
    return counted(after, await filesOnlyOf(table, before, expired, after));
  }
  await table.changeMetadata(async (base) => {
    // On a newer base the question is asked anew: a rollback or a tag may have come to need what was to go.
    before = base;
    expired = snapshotsToExpire(base, policy, nowMs);
    return expired.length === 0 ? null : drop(base);
  });
  const newest = (await table.metadata()).metadata;
  const doomed = await filesOnlyOf(table, before, expired, newest);
  await deleteFiles(store, [...doomed.data, ...doomed.metadata]);
  return counted(newest, doomed);
}

interface DoomedFiles {
  /** Keys. */
  readonly data: readonly string[];
  readonly bytes: number;
  readonly metadata: readonly string[];
}

/** Files that `before` names for the expired snapshots and `after` does not name at all. */
async function filesOnlyOf(
  { store, name }: Table,
  before: TableMetadata,
  expired: readonly MetadataSnapshot[],
  after: TableMetadata,
): Promise<DoomedFiles> {
  if (expired.length === 0) return { data: [], bytes: 0, metadata: [] };
  const inUse = await namesInUse(store, after);
  const isFree = (uri: string): boolean => namesOf(uri).every((name) => !inUse.has(name));
  // What a damaged snapshot named can't be told any more: it stays behind as orphans.
  const skip = (): void => undefined;
  const free = [...(await manifestsOf(store, expired, skip)).values()].filter((manifest) => isFree(manifest.manifest_path));
  const manifests = free.map((manifest) => manifest.manifest_path);
  const sizes = new Map<string, number>();
  for (const manifest of free) {
    for (const file of await dataFilesOf(store, manifest, 'all', skip)) if (isFree(file.uri)) sizes.set(file.uri, file.sizeBytes);
  }
  const indexesInUse = indexKeysOf(name, inUse);
  const indexes = [...indexKeysOf(name, sizes.keys())].filter((key) => !indexesInUse.has(key));
  const lists = expired.map((one) => one['manifest-list']).filter(isFree);
  const data = [...sizes].flatMap(([uri, size]) => keysInside(store, uri).map((key) => ({ key, size })));
  const metadata = [...statisticsPaths(before).filter(isFree), ...manifests, ...lists].flatMap((uri) => keysInside(store, uri));
  return {
    data: data.map(({ key }) => key),
    bytes: data.reduce((sum, { size }) => sum + size, 0),
    metadata: [...indexes, ...metadata],
  };
}

/** The key, or none for a file of another place, which is not ours to delete. */
function keysInside(store: ObjectStore, uri: string): readonly string[] {
  try {
    return [store.keyOf(uri)];
  } catch (error) {
    if (isKeystoneError(error) && error.code === 'KS_STORE') return [];
    throw error;
  }
}

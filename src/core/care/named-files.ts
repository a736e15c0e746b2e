/**
 * Which files the metadata of a table names. Read past the cache of manifests, which the builder of the same process needs for the
 * newest ones, and a file at a time, so that memory stays small.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { idIndexKey } from '../bronze/index-files.js';
import { KeystoneError, isKeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import { decodeAvro } from '../table/avro-file.js';
import { checkManifest, checkedManifestList } from '../table/manifest-checks.js';
import { DELETED, type ManifestFile, type ManifestRecord, canonicalNames } from '../table/manifest-schema.js';
import type { TableName } from '../table/table-api.js';
import type { MetadataSnapshot, TableMetadata } from '../table/table-metadata.js';
import { statisticsPaths } from '../table/without-snapshots.js';

/** A data file as a manifest names it. */
export interface NamedDataFile {
  readonly uri: string;
  readonly sizeBytes: number;
}

/** All manifests of these snapshots by URI, each once. `onMissing` is called for a list that can't be read; without it that throws. */
export async function manifestsOf(
  store: ObjectStore,
  snapshots: readonly MetadataSnapshot[],
  onMissing?: (uri: string) => void,
): Promise<ReadonlyMap<string, ManifestFile>> {
  const manifests = new Map<string, ManifestFile>();
  for (const snapshot of snapshots) {
    const uri = snapshot['manifest-list'];
    const read = (bytes: Uint8Array): readonly ManifestFile[] =>
      checkedManifestList(decodeAvro(bytes, uri, canonicalNames).records, snapshot);
    for (const record of await recordsOf(store, uri, read, onMissing)) manifests.set(record.manifest_path, record);
  }
  return manifests;
}

/** The data files of one manifest: those that are in the table (`live`), or also those that it says were removed. */
export async function dataFilesOf(
  store: ObjectStore,
  manifest: ManifestFile,
  which: 'live' | 'all',
  onMissing?: (uri: string) => void,
): Promise<readonly NamedDataFile[]> {
  const uri = manifest.manifest_path;
  const read = (bytes: Uint8Array): readonly ManifestRecord[] => {
    const entries = decodeAvro(bytes, uri, canonicalNames).records as readonly ManifestRecord[];
    checkManifest(entries, bytes.length, manifest);
    return entries;
  };
  const records = await recordsOf(store, uri, read, onMissing);
  return records
    .filter(({ status }) => which === 'all' || status !== DELETED)
    .map(({ data_file: file }) => ({ uri: file.file_path, sizeBytes: Number(file.file_size_in_bytes) }));
}

async function recordsOf<T>(
  store: ObjectStore,
  uri: string,
  read: (bytes: Uint8Array) => readonly T[],
  onMissing?: (uri: string) => void,
): Promise<readonly T[]> {
  try {
    const stored = await store.get(store.keyOf(uri));
    if (stored) return read(stored.body);
    throw new KeystoneError('KS_TABLE_CORRUPT', `${uri} is missing, although the table's metadata names it`, {
      hint: 'Restore the file from a backup, or roll the table back to a snapshot before it (keystone table show lists them).',
    });
  } catch (error) {
    if (!onMissing || !isKeystoneError(error) || error.code !== 'KS_TABLE_CORRUPT') throw error;
    onMissing(uri);
    return [];
  }
}

/**
 * The last parts of all paths that the kept snapshots name. File names are unique, and a path can be written in several ways (`file:`
 * URIs, escapes): a file whose name is in the set is taken as needed wherever it lies.
 */
export async function namesInUse(store: ObjectStore, metadata: TableMetadata): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const add = (uri: string): void => {
    for (const name of namesOf(uri)) names.add(name);
  };
  const snapshots = metadata.snapshots ?? [];
  for (const snapshot of snapshots) add(snapshot['manifest-list']);
  for (const path of statisticsPaths(metadata)) add(path);
  for (const manifest of (await manifestsOf(store, snapshots)).values()) {
    add(manifest.manifest_path);
    for (const file of await dataFilesOf(store, manifest, 'live')) add(file.uri);
  }
  return names;
}

/** Keys of the id index files that go with data files of these names; none but for bronze. */
export const indexKeysOf = (table: TableName, names: Iterable<string>): ReadonlySet<string> =>
  table === BRONZE_EVENTS.name
    ? new Set([...names].filter((name) => name.endsWith('.parquet')).map((name) => idIndexKey(name)))
    : new Set();

/** The name of a file as it stands in a path, and as it would be were the path a URI. */
export function namesOf(path: string): readonly string[] {
  const name = path.slice(path.lastIndexOf('/') + 1);
  try {
    return name.includes('%') ? [name, decodeURIComponent(name)] : [name];
  } catch {
    return [name];
  }
}

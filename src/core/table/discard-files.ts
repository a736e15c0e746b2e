/** Removes the data files of a commit that was refused, but never one that any kept snapshot of the table still names. */
import { isKeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import type { ManifestReader } from './manifest-cache.js';
import { DELETED } from './manifest-schema.js';
import type { DataFile } from './table-api.js';
import type { TableMetadata } from './table-metadata.js';

/**
 * A commit may be refused although its files are in the table: it is the repeat of one whose answer was lost. So the table is
 * asked before anything is deleted. When it can't say (snapshots expire meanwhile), the files stay: nobody names them, and the removal
 * of orphans finds them.
 */
export async function discardFiles(
  files: readonly DataFile[],
  metadata: TableMetadata,
  reader: ManifestReader,
  store: ObjectStore,
): Promise<void> {
  if (files.length === 0) return;
  const unnamed = await unnamedOf(files, metadata, reader).catch((error: unknown) => {
    if (isKeystoneError(error) && error.code === 'KS_TABLE_CORRUPT') return [];
    throw error;
  });
  await store.delete(unnamed.map((path) => store.keyOf(path)));
}

/** Paths that no snapshot of the metadata names. */
async function unnamedOf(
  files: readonly DataFile[],
  metadata: TableMetadata,
  reader: ManifestReader,
): Promise<readonly string[]> {
  const unnamed = new Set(files.map(({ path }) => path));
  const looked = new Set<string>();
  for (const snapshot of metadata.snapshots ?? []) {
    for (const manifest of await reader.manifestsOf(snapshot)) {
      if (looked.has(manifest.manifest_path)) continue;
      looked.add(manifest.manifest_path);
      for (const entry of await reader.entriesOf(manifest, metadata))
        if (entry.status !== DELETED) unnamed.delete(entry.file.path);
    }
  }
  return [...unnamed];
}

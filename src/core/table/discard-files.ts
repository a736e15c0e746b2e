/** Removes the data files of a commit that was refused, but never one that any kept snapshot of the table still names. */
import type { ObjectStore } from '../store/object-store.js';
import type { ManifestReader } from './manifest-cache.js';
import { DELETED } from './manifest-schema.js';
import type { DataFile } from './table-api.js';
import type { TableMetadata } from './table-metadata.js';

/**
 * A commit may be refused although its files are in the table: it is the repeat of one whose answer was lost. So the table is
 * asked before anything is deleted.
 */
export async function discardFiles(
  files: readonly DataFile[],
  metadata: TableMetadata,
  reader: ManifestReader,
  store: ObjectStore,
): Promise<void> {
  if (files.length === 0) return;
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
  await store.delete([...unnamed].map((path) => store.keyOf(path)));
}

/** A snapshot's summary as other engines write it (https://iceberg.apache.org/spec/#optional-snapshot-summary-fields). */
import type { ManifestFile } from './manifest-schema.js';
import type { DataFile } from './table-api.js';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/**
 * Counts of what a commit changes and what the table then holds. Totals come from the new manifest list, so they are right whatever
 * the parent's summary says; the size total alone needs the parent's (undefined: it has none, and neither does this).
 */
export function summaryCounts(
  added: readonly DataFile[],
  removed: readonly DataFile[],
  manifests: readonly ManifestFile[],
  parentFilesSize: string | undefined,
): Readonly<Record<string, string>> {
  const data = manifests.filter(({ content }) => content === 0);
  const addedSize = sum(added.map(({ sizeBytes }) => sizeBytes));
  const removedSize = sum(removed.map(({ sizeBytes }) => sizeBytes));
  const counts: Record<string, number> = {
    'added-data-files': added.length,
    'added-records': sum(added.map(({ recordCount }) => recordCount)),
    'added-files-size': addedSize,
    'deleted-data-files': removed.length,
    'deleted-records': sum(removed.map(({ recordCount }) => recordCount)),
    'removed-files-size': removedSize,
    'changed-partition-count': new Set([...added, ...removed].map(({ partition }) => JSON.stringify(partition))).size,
    'total-data-files': sum(data.map((manifest) => manifest.added_files_count + manifest.existing_files_count)),
    'total-records': sum(data.map((manifest) => Number(manifest.added_rows_count) + Number(manifest.existing_rows_count))),
    ...(parentFilesSize === undefined ? {} : { 'total-files-size': Number(parentFilesSize) + addedSize - removedSize }),
  };
  return Object.fromEntries(Object.entries(counts).map(([key, value]) => [key, String(value)]));
}

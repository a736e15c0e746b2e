/**
 * Where each commit writes a metadata file under a name of its own (a catalog in Glue), files that nobody goes back to are deleted:
 * those that the log of metadata files dropped, and those of commits that were refused or never finished.
 *
 * A commit under way has written a file numbered one above the state that it stands on. A file numbered up to the current one therefore stands
 * on a state that is past, and its swap will be refused however late it comes: age alone could not promise that.
 */
import { isOneCommits, metadataNumber } from '../table/metadata-names.js';
import type { Table } from '../table/table-api.js';
import { deleteFiles } from './delete-files.js';
import { namesOf } from './named-files.js';

/** Files younger than this stay, whatever came after them: another engine may be reading one. */
const YOUNGEST_MS = 3_600_000;

/** How many went (or would go). */
export async function deleteOldMetadata(table: Table, nowMs: number, options: { readonly dryRun?: boolean }): Promise<number> {
  const { store } = table;
  const listed: { readonly key: string; readonly number: number }[] = [];
  const before = await table.metadata();
  if (!isOneCommits(before.location)) return 0; // emptied instead: empty-old-versions.ts
  const folder = store.keyOf(before.location.slice(0, before.location.lastIndexOf('/')));
  for await (const { key, modifiedMs } of store.list(`${folder}/`)) {
    const number = metadataNumber(`/${key}`);
    if (number !== null && isOneCommits(`/${key}`) && nowMs - modifiedMs >= YOUNGEST_MS) listed.push({ key, number });
  }
  // Read after the listing: what became current meanwhile is known.
  const { metadata, location } = await table.metadata();
  const current = metadataNumber(location);
  if (current === null) return 0;
  const log = (metadata['metadata-log'] ?? []).map((entry) => entry['metadata-file']);
  const kept = new Set([location, ...log].flatMap(namesOf));
  const old = listed.filter(({ key, number }) => number <= current && namesOf(key).every((name) => !kept.has(name)));
  if (!options.dryRun)
    await deleteFiles(
      store,
      old.map(({ key }) => key),
    );
  return old.length;
}

/** The commits that lie between two snapshots of a table, and what they did to its files. */
import type { ManifestReader } from '../table/manifest-cache.js';
import { ADDED, DELETED } from '../table/manifest-schema.js';
import type { DataFile } from '../table/table-api.js';
import { type MetadataSnapshot, type TableMetadata, snapshotById } from '../table/table-metadata.js';

/** From one snapshot back to the ancestor that both share (`undone`), and from there on to the other (`done`). Newest first. */
export interface CommitPath {
  readonly undone: readonly MetadataSnapshot[];
  readonly done: readonly MetadataSnapshot[];
}

/** null: what lies between them has expired, or they share no kept ancestor. */
export function commitPath(metadata: TableMetadata, from: MetadataSnapshot, to: MetadataSnapshot): CommitPath | null {
  const back = ancestry(metadata, from);
  const ids = new Map(back.map((snapshot, index) => [BigInt(snapshot['snapshot-id']), index]));
  const forward = ancestry(metadata, to);
  const meeting = forward.findIndex((snapshot) => ids.has(BigInt(snapshot['snapshot-id'])));
  const shared = forward[meeting];
  if (shared === undefined) return null;
  return { undone: back.slice(0, ids.get(BigInt(shared['snapshot-id']))), done: forward.slice(0, meeting) };
}

/** The snapshot and its kept ancestors, newest first. */
function ancestry(metadata: TableMetadata, start: MetadataSnapshot): readonly MetadataSnapshot[] {
  const line: MetadataSnapshot[] = [];
  for (let at: MetadataSnapshot | null = start; at;) {
    line.push(at);
    const parent: MetadataSnapshot['parent-snapshot-id'] = at['parent-snapshot-id'];
    at = parent === undefined || parent === null ? null : snapshotById(metadata, BigInt(parent));
  }
  return line;
}

/** A rewriting of files that leaves every row as it was (Iceberg's operation `replace`: compaction). */
export const isRewrite = (snapshot: MetadataSnapshot): boolean => snapshot.summary?.['operation'] === 'replace';

/** Data files that this one commit added and took away. */
export async function filesOfCommit(
  metadata: TableMetadata,
  snapshot: MetadataSnapshot,
  reader: ManifestReader,
): Promise<{ readonly added: readonly DataFile[]; readonly removed: readonly DataFile[] }> {
  const id = BigInt(snapshot['snapshot-id']);
  const added: DataFile[] = [];
  const removed: DataFile[] = [];
  for (const manifest of await reader.manifestsOf(snapshot)) {
    if (BigInt(manifest.added_snapshot_id) !== id || manifest.content !== 0) continue;
    for (const entry of await reader.entriesOf(manifest, metadata)) {
      if (entry.snapshotId !== id) continue;
      if (entry.status === ADDED) added.push(entry.file);
      if (entry.status === DELETED) removed.push(entry.file);
    }
  }
  return { added, removed };
}

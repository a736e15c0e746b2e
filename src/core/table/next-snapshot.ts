/**
 * What a commit makes of its base: the next metadata and the manifest files that go with it. Nothing is written here; the same
 * request is built anew on each newer base until the catalog takes one.
 */

import { encodeAvro } from './avro-file.js';
import { type ManifestEntry, writeManifest } from './manifest.js';
import type { ManifestReader } from './manifest-cache.js';
import { ADDED, DELETED, EXISTING, MANIFEST_LIST_SCHEMA, type ManifestFile } from './manifest-schema.js';
import { checkFence } from './offset-fence.js';
import { liveDataManifests } from './plan-scan.js';
import { rollbackTokenOf } from './rollback-mark.js';
import { currentLine, fencedStateOf } from './snapshot-line.js';
import {
  CARRIED_SUMMARY_KEYS,
  SUMMARY_FENCING_TOKEN,
  SUMMARY_HOLES,
  SUMMARY_LOG_ID,
  SUMMARY_LOSSES,
  SUMMARY_NEXT_OFFSETS,
  nextOffsetsText,
} from './snapshot-offsets.js';
import { summaryCounts } from './snapshot-summary.js';
import type { CommitOutcome, CommitRequest, DataFile, Snapshot } from './table-api.js';
import { type MetadataSnapshot, type TableMetadata, currentSnapshot } from './table-metadata.js';

/** Manifests larger than this are not merged again. */
const MERGED_MANIFEST_BYTES = 8 * 1024 * 1024;

export interface SnapshotNames {
  readonly snapshotId: bigint;
  readonly nowMs: number;
  /** URI for a new metadata file of this name. */
  readonly uriOf: (fileName: string) => string;
  /** Unique text. */
  readonly unique: string;
}

export interface NextSnapshot {
  readonly kind: 'next';
  readonly metadata: TableMetadata;
  readonly snapshot: MetadataSnapshot;
  /** URI and bytes of the manifests and the manifest list. */
  readonly written: readonly { readonly uri: string; readonly bytes: Uint8Array }[];
  readonly manifests: readonly ManifestFile[];
}

/** `fenced` and `conflict` are decided against `base`; anything else is the next state. */
export async function nextSnapshot(
  base: TableMetadata,
  request: CommitRequest,
  names: SnapshotNames,
  reader: ManifestReader,
): Promise<NextSnapshot | Exclude<CommitOutcome, { readonly kind: 'committed' }>> {
  const line = currentLine(base);
  const carried = carriedSummary(line, request, rollbackTokenOf(base));
  if (carried.kind !== 'open') return carried;
  const parent = currentSnapshot(base);
  const sequenceNumber = base['last-sequence-number'] + 1;
  const written: { readonly uri: string; readonly bytes: Uint8Array }[] = [];
  const write = (specId: number, entries: readonly ManifestEntry[]): ManifestFile => {
    const path = names.uriOf(`${names.unique}-m${written.length}.avro`);
    const { bytes, manifest } = writeManifest(base, { specId, entries, snapshotId: names.snapshotId, sequenceNumber, path });
    written.push({ uri: path, bytes });
    return manifest;
  };
  const bySpec = groupedBy(request.add, ({ specId }) => specId);
  const added = [...bySpec].map(([specId, files]) =>
    write(
      specId,
      files.map((file) => addedEntry(file, names.snapshotId)),
    ),
  );
  const old = await reader.manifestsOf(parent);
  const removal = await removeFiles(base, old, new Set(request.remove ?? []), names.snapshotId, reader, write);
  if (removal.kind === 'conflict') return removal;
  const operation = request.operation ?? (request.remove?.length ? 'overwrite' : 'append');
  // A compaction tidies manifests too: who plans a scan reads each of them.
  const kept = await mergeSmall(base, removal.untouched, reader, write, operation === 'replace' ? 2 : mergeCountOf(base));
  const manifests = [...added, ...removal.rewritten, ...kept];

  const parentSize = parent ? parent.summary?.['total-files-size'] : '0';
  const list = names.uriOf(`snap-${names.snapshotId}-1-${names.unique}.avro`);
  const snapshot: MetadataSnapshot = {
    'snapshot-id': Number(names.snapshotId),
    ...(parent && { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': names.nowMs,
    summary: {
      operation,
      ...summaryCounts(request.add, removal.removed, manifests, parentSize),
      ...(operation === 'replace' && ownSummary(parent)),
      ...carried.summary,
      ...request.summary,
    },
    'manifest-list': list,
    'schema-id': base['current-schema-id'],
  };
  written.push({ uri: list, bytes: encodeManifestList(manifests, snapshot) });
  const metadata = withCurrent(
    { ...base, 'last-sequence-number': sequenceNumber, snapshots: [...(base.snapshots ?? []), snapshot] },
    names.snapshotId,
    names.nowMs,
  );
  return { kind: 'next', metadata, snapshot, written, manifests };
}

/** `base` with `main` at the snapshot, entered in the history. */
export function withCurrent(base: TableMetadata, snapshotId: bigint, nowMs: number): TableMetadata {
  const id = Number.isSafeInteger(Number(snapshotId)) ? Number(snapshotId) : snapshotId;
  return {
    ...base,
    'last-updated-ms': nowMs,
    'current-snapshot-id': id,
    refs: { ...base.refs, main: { ...base.refs?.['main'], 'snapshot-id': id, type: 'branch' } },
    'snapshot-log': [...(base['snapshot-log'] ?? []), { 'snapshot-id': id, 'timestamp-ms': nowMs }],
  };
}

/** What the parent's summary says of its rows: a snapshot that only moves them says the same (range, verdict totals, gold's build record). */
const ownSummary = (parent: MetadataSnapshot | null): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(parent?.summary ?? {}).filter(([key]) => key.startsWith('keystone.')));

/** Our summary keys of the new snapshot: the base's, moved on by the fence. */
function carriedSummary(
  line: readonly Snapshot[],
  request: CommitRequest,
  rollbackToken: number | null,
):
  | { readonly kind: 'open'; readonly summary: Readonly<Record<string, string>> }
  | Extract<CommitOutcome, { readonly kind: 'fenced' }> {
  if (!request.fence) {
    const carried = CARRIED_SUMMARY_KEYS.flatMap((key) => {
      const text = line.find(({ summary }) => summary[key] !== undefined)?.summary[key];
      return text === undefined ? [] : [[key, text] as const];
    });
    return { kind: 'open', summary: Object.fromEntries(carried) };
  }
  const carriedState = fencedStateOf(line);
  // A builder of before the rollback holds a lower token than it, whatever the snapshot of then carries.
  const tokens = [carriedState.fencingToken, rollbackToken].filter((token) => token !== null);
  const base = { ...carriedState, fencingToken: tokens.length === 0 ? null : Math.max(...tokens) };
  const verdict = checkFence(base, request.fence);
  if (verdict.kind === 'fenced') return { kind: 'fenced', nextOffsets: base.nextOffsets, reason: verdict.reason };
  const { nextOffsets, holes, losses, fencingToken } = verdict.after;
  const logId = line.find(({ summary }) => summary[SUMMARY_LOG_ID] !== undefined)?.summary[SUMMARY_LOG_ID];
  return {
    kind: 'open',
    summary: {
      [SUMMARY_NEXT_OFFSETS]: nextOffsetsText(nextOffsets),
      ...(holes.length > 0 && { [SUMMARY_HOLES]: JSON.stringify(holes) }),
      ...(losses.length > 0 && { [SUMMARY_LOSSES]: JSON.stringify(losses) }),
      ...(fencingToken !== null && { [SUMMARY_FENCING_TOKEN]: String(fencingToken) }),
      ...(logId !== undefined && { [SUMMARY_LOG_ID]: logId }),
    },
  };
}

/** Map.groupBy, which Node 20 does not have. */
function groupedBy<T>(items: readonly T[], keyOf: (item: T) => number): ReadonlyMap<number, readonly T[]> {
  const groups = new Map<number, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
}

const addedEntry = (file: DataFile, snapshotId: bigint): ManifestEntry => ({
  status: ADDED,
  snapshotId,
  sequenceNumber: null,
  fileSequenceNumber: null,
  file,
  record: null,
});

type Removal =
  | { readonly kind: 'conflict'; readonly reason: string }
  | {
      readonly kind: 'removed';
      readonly removed: readonly DataFile[];
      readonly rewritten: readonly ManifestFile[];
      readonly untouched: readonly ManifestFile[];
    };

/** Rewrites the manifests that hold a file to be removed; all others go on as they are. */
async function removeFiles(
  base: TableMetadata,
  manifests: readonly ManifestFile[],
  paths: ReadonlySet<string>,
  snapshotId: bigint,
  reader: ManifestReader,
  write: (specId: number, entries: readonly ManifestEntry[]) => ManifestFile,
): Promise<Removal> {
  const live = manifests.filter((manifest) => manifest.added_files_count + manifest.existing_files_count > 0);
  if (paths.size === 0) return { kind: 'removed', removed: [], rewritten: [], untouched: live };
  liveDataManifests(manifests, base.location, base['current-snapshot-id'] ?? null); // whoever removes files has read their rows, which row-level deletes would change
  const removed: DataFile[] = [];
  const rewritten: ManifestFile[] = [];
  const untouched: ManifestFile[] = [];
  for (const manifest of live) {
    const entries = (await reader.entriesOf(manifest, base)).filter(({ status }) => status !== DELETED);
    const gone = entries.filter(({ file }) => paths.has(file.path));
    if (gone.length === 0) {
      untouched.push(manifest);
      continue;
    }
    removed.push(...gone.map(({ file }) => file));
    const next = entries.map((entry) =>
      paths.has(entry.file.path) ? { ...entry, status: DELETED, snapshotId } : { ...entry, status: EXISTING },
    );
    rewritten.push(write(manifest.partition_spec_id, next));
  }
  if (removed.length === paths.size) return { kind: 'removed', removed, rewritten, untouched };
  const found = new Set(removed.map(({ path }) => path));
  const missing = [...paths].find((path) => !found.has(path));
  return { kind: 'conflict', reason: `${missing} is no longer in the table: another commit replaced it` };
}

const isSmall = ({ content, manifest_length: length }: ManifestFile): boolean =>
  content === 0 && Number(length) < MERGED_MANIFEST_BYTES;

const mergeCountOf = (base: TableMetadata): number =>
  Math.max(2, Number(base.properties?.['commit.manifest.min-count-to-merge'] ?? 100));

/** Without merging, a thousand commits make a thousand manifests, and each plan reads them all. */
async function mergeSmall(
  base: TableMetadata,
  manifests: readonly ManifestFile[],
  reader: ManifestReader,
  write: (specId: number, entries: readonly ManifestEntry[]) => ManifestFile,
  minCount: number,
): Promise<readonly ManifestFile[]> {
  const kept = manifests.filter((manifest) => !isSmall(manifest));
  for (const [specId, small] of groupedBy(manifests.filter(isSmall), (manifest) => manifest.partition_spec_id)) {
    if (small.length < minCount) {
      kept.push(...small);
      continue;
    }
    const entries: ManifestEntry[] = [];
    for (const manifest of small) {
      for (const entry of await reader.entriesOf(manifest, base))
        if (entry.status !== DELETED) entries.push({ ...entry, status: EXISTING });
    }
    kept.push(write(specId, entries));
  }
  return kept;
}

const encodeManifestList = (manifests: readonly ManifestFile[], snapshot: MetadataSnapshot): Uint8Array =>
  encodeAvro(MANIFEST_LIST_SCHEMA, manifests, {
    'format-version': '2',
    'snapshot-id': String(snapshot['snapshot-id']),
    'parent-snapshot-id': String(snapshot['parent-snapshot-id'] ?? 'null'),
    'sequence-number': String(snapshot['sequence-number']),
  });

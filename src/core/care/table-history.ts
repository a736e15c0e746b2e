/** `table history`: what every kept snapshot of a table did, and how it stands today. */
import type { Lakehouse } from '../lakehouse.js';
import { type SnapshotFacts, snapshotFacts } from '../table/describe-table.js';
import { existingTable } from '../table/existing-table.js';
import { manifestReader } from '../table/manifest-cache.js';
import { SUMMARY_LOSSES, SUMMARY_NEXT_OFFSETS, snapshotNextOffsets } from '../table/snapshot-offsets.js';
import { currentLine, snapshotOf } from '../table/snapshot-line.js';
import type { NextOffsets, Snapshot } from '../table/table-api.js';
import { type MetadataSnapshot, type TableMetadata, currentSnapshot, snapshotById } from '../table/table-metadata.js';

/**
 * `line`: an ancestor of the current one. `rolled back`: once current, and no longer. `aside`: never current as far as the table's
 * history goes (another engine's branch, or a commit staged for review).
 */
export type Standing = 'current' | 'line' | 'rolled back' | 'aside';

export interface HistoryEntry extends SnapshotFacts {
  readonly standing: Standing;
  /** When a rollback made it current again, ISO 8601; empty when none did. */
  readonly restored: readonly string[];
  readonly addedFiles: number;
  readonly deletedFiles: number;
  /** null: its writer did not say. */
  readonly totalFiles: number | null;
  /** Offsets it took from the log beyond its parent: `topic/partition` → how many; negative where a rollback lies between. */
  readonly offsets: Readonly<Record<string, number>>;
  /** Sum of `offsets`. */
  readonly events: number;
  /** What brought it, as far as its summary tells: a range of the log, the log, an accepted loss, a model, compaction, another engine. */
  readonly broughtBy: string;
  /** null: its writer did not say. */
  readonly schemaId: number | null;
  /** Partition specs of the files that it wrote or took away; empty when it has none of these. */
  readonly specIds: readonly number[];
  /** The whole summary, as stored. */
  readonly summary: Readonly<Record<string, string>>;
}

export interface TableHistory {
  readonly table: string;
  /** Kept in all; `snapshots` may be fewer. */
  readonly kept: number;
  /** Newest first. */
  readonly snapshots: readonly HistoryEntry[];
}

/** `limit`: most snapshots to tell of. Throws KS_NOT_FOUND when there is no such table. */
export async function tableHistory(lakehouse: Lakehouse, name: string, limit: number): Promise<TableHistory> {
  const table = await existingTable(lakehouse, name);
  const { metadata } = await table.metadata();
  const reader = manifestReader(table.store);
  const all = (metadata.snapshots ?? []).toSorted((a, b) => b['sequence-number'] - a['sequence-number']);
  const standing = standings(metadata);
  const snapshots: HistoryEntry[] = [];
  for (const stored of all.slice(0, limit)) {
    const snapshot = snapshotOf(stored);
    const parent = snapshot.parentId === null ? null : snapshotById(metadata, snapshot.parentId);
    // A damaged manifest list is no reason to tell nothing: history is asked for in trouble.
    const manifests = await reader.manifestsOf(stored).catch(() => []);
    const own = manifests.filter((manifest) => BigInt(manifest.added_snapshot_id) === snapshot.id);
    snapshots.push({
      ...entryOf(snapshot, parent && snapshotOf(parent)),
      standing: standing(snapshot.id),
      restored: restoredAt(metadata, stored),
      schemaId: typeof stored['schema-id'] === 'number' ? stored['schema-id'] : null,
      specIds: [...new Set(own.map((manifest) => manifest.partition_spec_id))].toSorted((a, b) => a - b),
    });
  }
  return { table: name, kept: all.length, snapshots };
}

function standings(metadata: TableMetadata): (id: bigint) => Standing {
  const current = currentSnapshot(metadata);
  const line = new Set(currentLine(metadata).map(({ id }) => id));
  const onceCurrent = new Set((metadata['snapshot-log'] ?? []).map((entry) => BigInt(entry['snapshot-id'])));
  return (id) => {
    if (current && BigInt(current['snapshot-id']) === id) return 'current';
    if (line.has(id)) return 'line';
    return onceCurrent.has(id) ? 'rolled back' : 'aside';
  };
}

/** The history has a snapshot once when it is committed, and once more for each time it was made current again. */
function restoredAt(metadata: TableMetadata, stored: MetadataSnapshot): readonly string[] {
  return (metadata['snapshot-log'] ?? [])
    .filter((entry) => BigInt(entry['snapshot-id']) === BigInt(stored['snapshot-id']))
    .filter((entry) => entry['timestamp-ms'] > stored['timestamp-ms'])
    .map((entry) => new Date(entry['timestamp-ms']).toISOString());
}

function entryOf(
  snapshot: Snapshot,
  parent: Snapshot | null,
): Omit<HistoryEntry, 'standing' | 'restored' | 'schemaId' | 'specIds'> {
  const { summary } = snapshot;
  const total = (key: string): number | null => (summary[key] === undefined ? null : Number(summary[key]));
  const offsets = offsetsTaken(snapshot, parent);
  const events = Object.values(offsets).reduce((sum, taken) => sum + taken, 0);
  return {
    ...snapshotFacts(snapshot),
    addedFiles: Number(summary['added-data-files'] ?? 0),
    deletedFiles: Number(summary['deleted-data-files'] ?? 0),
    totalFiles: total('total-data-files'),
    offsets,
    events,
    broughtBy: acceptsLoss(snapshot, parent) ? 'accepted loss' : broughtBy(snapshot, events > 0),
    summary,
  };
}

/** Empty when the parent has expired: what it had taken is not known any more. */
function offsetsTaken(snapshot: Snapshot, parent: Snapshot | null): Readonly<Record<string, number>> {
  if (snapshot.summary[SUMMARY_NEXT_OFFSETS] === undefined || (snapshot.parentId !== null && parent === null)) return {};
  const before: NextOffsets = parent ? snapshotNextOffsets(parent) : new Map();
  const taken = [...snapshotNextOffsets(snapshot)].flatMap(([topic, partitions]) =>
    [...partitions].map(([partition, next]): readonly [string, number] => [
      `${topic}/${partition}`,
      next - (before.get(topic)?.get(partition) ?? 0),
    ]),
  );
  return Object.fromEntries(taken.filter(([, events]) => events !== 0));
}

/** Its offsets are no events: they expired unread. Where the parent has expired it cannot be told from those that repeat the loss. */
const acceptsLoss = ({ summary, parentId }: Snapshot, parent: Snapshot | null): boolean =>
  (parent !== null || parentId === null) &&
  summary[SUMMARY_LOSSES] !== undefined &&
  summary[SUMMARY_LOSSES] !== parent?.summary[SUMMARY_LOSSES];

/** Summary keys that name what a commit came of; `keystone.*` are ours (docs/formats.md, "Tables"). */
function broughtBy({ operation, summary }: Snapshot, tookOffsets: boolean): string {
  const range = rangeText(summary['keystone.range']);
  if (range !== null) return range;
  const model = summary['keystone.model-hash'];
  if (model !== undefined) return `model ${model.slice(0, 12)}`;
  const engine = summary['engine-name'] ?? summary['app-name'] ?? (summary['spark.app.id'] === undefined ? undefined : 'spark');
  if (engine !== undefined) return engine;
  if (operation === 'replace') return 'compaction';
  return tookOffsets ? 'log' : '';
}

/** `range 0:[10,20) 1:[0,5)`; null when there is none, or its text is not ours. */
function rangeText(text: string | undefined): string | null {
  if (text === undefined) return null;
  try {
    const { partitions } = JSON.parse(text) as { partitions: readonly (readonly [number, number, number])[] };
    return `range ${partitions.map(([partition, from, to]) => `${partition}:[${from},${to})`).join(' ')}`;
  } catch {
    return null;
  }
}

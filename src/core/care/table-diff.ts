/** `table diff`: what differs between two snapshots of a table: partitions, definition, and on request the rows themselves. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { manifestReader } from '../table/manifest-cache.js';
import { planScan } from '../table/plan-scan.js';
import type { DataFile, Snapshot, Table } from '../table/table-api.js';
import { type MetadataSnapshot, type TableMetadata, snapshotById } from '../table/table-metadata.js';
import { type CommitPath, commitPath, filesOfCommit, isRewrite } from './commit-path.js';
import { type DefinitionDifference, definitionDifference, fieldsAt } from './definition-change.js';
import { type DifferingRows, differingRows } from './differing-rows.js';
import { partitionLabel } from './partition-label.js';
import { resolveSnapshot } from './resolve-snapshot.js';
import { rowKey } from './row-key.js';
import { existingTable } from '../table/existing-table.js';

export interface TableDiffOptions {
  /** As `resolveSnapshot` reads it. */
  readonly from: string;
  readonly to: string;
  /** Compare rows too. */
  readonly rows?: {
    /** Columns that name a row; default: those of `rowKey`. */
    readonly key?: readonly string[];
    readonly limit: number;
  };
  readonly signal?: AbortSignal;
}

export interface PartitionDifference {
  /** `order_purchase_timestamp_day=2017-10-02`; empty for an unpartitioned table. */
  readonly partition: string;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  /** Rows that commits brought and took; rows of files that were only rewritten (compaction) are in neither. */
  readonly rowsAdded: number;
  readonly rowsRemoved: number;
}

export interface ComparedSnapshot {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly committed: string;
  readonly operation: string;
}

export interface TableDiff {
  readonly table: string;
  readonly from: ComparedSnapshot;
  readonly to: ComparedSnapshot;
  /**
   * Commits between the two; `undone`: those of `from` that `to` does not stand on (after a rollback, or backwards in time). null
   * when some of them have expired: then `rowsAdded` and `rowsRemoved` are those of the files that differ.
   */
  readonly commits: { readonly done: number; readonly undone: number; readonly rewrites: number } | null;
  /** Sums over `partitions`. */
  readonly total: Omit<PartitionDifference, 'partition'> & { readonly bytesAdded: number; readonly bytesRemoved: number };
  /** Those in which a file or a row differs, by name. */
  readonly partitions: readonly PartitionDifference[];
  readonly definition: DefinitionDifference;
  /** null: not asked for. */
  readonly rows: DifferingRows | null;
}

/** Throws KS_NOT_FOUND for an unknown table or snapshot, KS_USAGE for a text that names none, or a key that is no column. */
export async function tableDiff(lakehouse: Lakehouse, name: string, options: TableDiffOptions): Promise<TableDiff> {
  const table = await existingTable(lakehouse, name);
  const [state, { metadata }] = [await table.state(), await table.metadata()];
  const from = resolveSnapshot(state, options.from, table.name);
  const to = resolveSnapshot(state, options.to, table.name);
  const [older, newer] = [storedOf(metadata, from, name), storedOf(metadata, to, name)];
  const reader = manifestReader(table.store);
  const [before, after] = [await planScan(metadata, older, reader, []), await planScan(metadata, newer, reader, [])];
  const [inBefore, inAfter] = [new Set(before.map((file) => file.path)), new Set(after.map((file) => file.path))];
  const added = after.filter((file) => !inBefore.has(file.path));
  const removed = before.filter((file) => !inAfter.has(file.path));

  const path = commitPath(metadata, older, newer);
  const partitions = new PartitionTally(metadata);
  partitions.count(before, 'rowsBefore', 'recordCount');
  partitions.count(after, 'rowsAfter', 'recordCount');
  partitions.count(added, 'filesAdded', 'one');
  partitions.count(removed, 'filesRemoved', 'one');
  if (path) await countCommits(path, metadata, table, partitions, options.signal);
  else {
    partitions.count(added, 'rowsAdded', 'recordCount');
    partitions.count(removed, 'rowsRemoved', 'recordCount');
  }
  const differing = partitions.differing();
  const sum = (pick: (one: PartitionDifference) => number): number =>
    partitions.all().reduce((total, one) => total + pick(one), 0);
  const bytes = (files: readonly DataFile[]): number => files.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  return {
    table: name,
    from: compared(from),
    to: compared(to),
    commits: path && {
      done: path.done.length,
      undone: path.undone.length,
      rewrites: [...path.done, ...path.undone].filter(isRewrite).length,
    },
    total: {
      filesAdded: added.length,
      filesRemoved: removed.length,
      rowsBefore: sum((one) => one.rowsBefore),
      rowsAfter: sum((one) => one.rowsAfter),
      rowsAdded: sum((one) => one.rowsAdded),
      rowsRemoved: sum((one) => one.rowsRemoved),
      bytesAdded: bytes(added),
      bytesRemoved: bytes(removed),
    },
    partitions: differing,
    definition: await definitionDifference(table, metadata, older, newer),
    rows: options.rows ? await compareRows(lakehouse, table, fieldsAt(metadata, newer), { added, removed }, options) : null,
  };
}

const compared = ({ id, timestampMs, operation }: Snapshot): ComparedSnapshot => ({
  id: String(id),
  committed: new Date(timestampMs).toISOString(),
  operation,
});

function storedOf(metadata: TableMetadata, { id }: Snapshot, name: string): MetadataSnapshot {
  const stored = snapshotById(metadata, id);
  if (stored) return stored;
  throw new KeystoneError('KS_NOT_FOUND', `Snapshot ${id} of ${name} has expired a moment ago`, {
    hint: `keystone table history ${name} lists the snapshots that are kept.`,
  });
}

async function countCommits(
  path: CommitPath,
  metadata: TableMetadata,
  table: Table,
  partitions: PartitionTally,
  signal: AbortSignal | undefined,
): Promise<void> {
  const reader = manifestReader(table.store);
  for (const [commits, brought, took] of [
    [path.done, 'rowsAdded', 'rowsRemoved'],
    [path.undone, 'rowsRemoved', 'rowsAdded'],
  ] as const) {
    for (const commit of commits) {
      signal?.throwIfAborted();
      if (isRewrite(commit)) continue;
      const { added, removed } = await filesOfCommit(metadata, commit, reader);
      partitions.count(added, brought, 'recordCount');
      partitions.count(removed, took, 'recordCount');
    }
  }
}

type Counted = Exclude<keyof PartitionDifference, 'partition'>;

class PartitionTally {
  readonly #metadata: TableMetadata;
  readonly #counts = new Map<string, Record<Counted, number>>();

  constructor(metadata: TableMetadata) {
    this.#metadata = metadata;
  }

  count(files: readonly DataFile[], counted: Counted, by: 'recordCount' | 'one'): void {
    for (const file of files) {
      const label = partitionLabel(this.#metadata, file);
      const counts = this.#counts.get(label) ?? {
        filesAdded: 0,
        filesRemoved: 0,
        rowsBefore: 0,
        rowsAfter: 0,
        rowsAdded: 0,
        rowsRemoved: 0,
      };
      counts[counted] += by === 'one' ? 1 : file.recordCount;
      this.#counts.set(label, counts);
    }
  }

  all(): readonly PartitionDifference[] {
    return [...this.#counts].map(([partition, counts]) => ({ partition, ...counts }));
  }

  differing(): readonly PartitionDifference[] {
    return this.all()
      .filter((one) => one.filesAdded + one.filesRemoved + one.rowsAdded + one.rowsRemoved > 0)
      .toSorted((a, b) => (a.partition < b.partition ? -1 : 1));
  }
}

async function compareRows(
  lakehouse: Lakehouse,
  table: Table,
  fields: ReturnType<typeof fieldsAt>,
  files: { readonly added: readonly DataFile[]; readonly removed: readonly DataFile[] },
  options: TableDiffOptions,
): Promise<DifferingRows> {
  const key = await rowKey(lakehouse, table.name, fields, options.rows?.key);
  const session = await lakehouse.duck();
  const interrupt = (): void => session.connection.interrupt();
  options.signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const { added: to, removed: from } = files;
    return await differingRows(session, table.store, { fields, key, from, to, limit: options.rows?.limit ?? 0 });
  } catch (error) {
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
    await session.close();
  }
}

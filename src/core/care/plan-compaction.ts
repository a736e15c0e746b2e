/**
 * Which data files of a table are worth merging. Only files of one partition, written under one spec, go together, so a merge needs
 * no partition transform; and only files of one topic-partition, so that a bronze file goes on holding one stretch of the log.
 */
import type { DataFile, TableField } from '../table/table-api.js';

export interface CompactionPolicy {
  /** Files of this size and more are left alone. */
  readonly smallFileBytes: number;
  /** Files are merged up to about this size. */
  readonly targetFileBytes: number;
  /** Fewer small files of a partition than this are left alone. */
  readonly minFiles: number;
  /**
   * Merge only files of like size (a factor of eight): each row is then rewritten a few times in its life however often the policy
   * runs (size-tiered compaction, as log-structured stores do). Without it everything small is merged at once.
   */
  readonly tiered: boolean;
}

/** Files that become one. */
export interface MergeGroup {
  readonly specId: number;
  readonly partition: DataFile['partition'];
  readonly files: readonly DataFile[];
  readonly sizeBytes: number;
  readonly recordCount: number;
}

const TIER_FACTOR = 8;
/** Smaller files are all alike: opening them costs more than their rows. */
const SMALLEST_TIER_BYTES = 256 * 1024;

/** Groups in the order of their partitions. `apart`: fields of which a file holds one value and a merged file must too. */
export function planCompaction(
  files: readonly DataFile[],
  policy: CompactionPolicy,
  apart: readonly TableField[] = [],
): readonly MergeGroup[] {
  const candidates = new Map<string, DataFile[]>();
  for (const file of files) {
    if (file.sizeBytes >= policy.smallFileBytes) continue;
    const values = apart.map(({ id }) => singleValueOf(file, id));
    if (values.includes(null)) continue;
    const tier = policy.tiered ? tierOf(file.sizeBytes) : 0;
    const key = JSON.stringify([file.specId, file.partition, values, tier]);
    const group = candidates.get(key);
    if (group) group.push(file);
    else candidates.set(key, [file]);
  }
  const groups: MergeGroup[] = [];
  for (const [, group] of [...candidates].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (group.length < policy.minFiles) continue;
    // By name: a bronze file's tells its offsets, so neighbours in the log stay neighbours.
    for (const bin of binsOf(group.toSorted(byName), policy.targetFileBytes)) if (bin.length > 1) groups.push(groupOf(bin));
  }
  return groups;
}

/** Fills one bin after the other; the order stays. */
function binsOf(files: readonly DataFile[], targetBytes: number): readonly (readonly DataFile[])[] {
  const bins: DataFile[][] = [[]];
  let filled = 0;
  for (const file of files) {
    if (filled > 0 && filled + file.sizeBytes > targetBytes) {
      bins.push([]);
      filled = 0;
    }
    bins.at(-1)?.push(file);
    filled += file.sizeBytes;
  }
  return bins;
}

const groupOf = (files: readonly DataFile[]): MergeGroup => ({
  specId: files[0]?.specId ?? 0,
  partition: files[0]?.partition ?? {},
  files,
  sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  recordCount: files.reduce((sum, { recordCount }) => sum + recordCount, 0),
});

const tierOf = (sizeBytes: number): number =>
  Math.max(0, Math.ceil(Math.log(sizeBytes / SMALLEST_TIER_BYTES) / Math.log(TIER_FACTOR)));

const byName = (a: DataFile, b: DataFile): number => a.path.localeCompare(b.path, 'en', { numeric: true });

/** Hex of the one value that a column has in the file; null when its bounds differ or are not known. */
function singleValueOf({ metrics }: DataFile, fieldId: number): string | null {
  const [lower, upper] = [metrics.lowerBounds?.get(fieldId), metrics.upperBounds?.get(fieldId)];
  return lower && upper && Buffer.compare(lower, upper) === 0 ? Buffer.from(lower).toString('hex') : null;
}

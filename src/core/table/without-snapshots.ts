/** Table metadata after snapshots have expired (https://iceberg.apache.org/spec/#table-metadata-fields). */
import type { TableMetadata } from './table-metadata.js';

/** Files of statistics beside a snapshot: `statistics` and `partition-statistics` of the metadata. */
interface SnapshotStatistics {
  readonly 'snapshot-id': number | bigint;
  readonly 'statistics-path': string;
}

const STATISTICS = ['statistics', 'partition-statistics'] as const;

const statisticsUnder = (metadata: TableMetadata, key: (typeof STATISTICS)[number]): readonly SnapshotStatistics[] =>
  Array.isArray(metadata[key]) ? (metadata[key] as readonly SnapshotStatistics[]) : [];

/** URIs of the statistics files that the metadata names. */
export const statisticsPaths = (metadata: TableMetadata): readonly string[] =>
  STATISTICS.flatMap((key) => statisticsUnder(metadata, key).map((one) => one['statistics-path']));

/**
 * `metadata` without these snapshots. Their statistics go with them. So do the entries of the snapshot log up to the last one that
 * names one of them: a history with gaps would answer a question about a moment with a later state.
 */
export function withoutSnapshots(metadata: TableMetadata, expired: ReadonlySet<bigint>): TableMetadata {
  const isExpired = (one: { readonly 'snapshot-id': number | bigint }): boolean => expired.has(BigInt(one['snapshot-id']));
  const log = metadata['snapshot-log'] ?? [];
  const statistics = STATISTICS.filter((key) => metadata[key] !== undefined).map((key) => [
    key,
    statisticsUnder(metadata, key).filter((one) => !isExpired(one)),
  ]);
  return {
    ...metadata,
    ...(Object.fromEntries(statistics) as object),
    snapshots: (metadata.snapshots ?? []).filter((one) => !isExpired(one)),
    'snapshot-log': log.slice(log.findLastIndex(isExpired) + 1),
  };
}

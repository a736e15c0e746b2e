/**
 * What the stages of the way need from a lake table. Implemented by `table.ts` over a Catalog and an ObjectStore, as Apache
 * Iceberg v2 (https://iceberg.apache.org/spec/).
 *
 * Guarantees: a commit is all or nothing and serialised by the catalog's compare-and-swap; the offset fence is checked against
 * the newest base on every attempt; a reader sees whole snapshots only.
 */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { TableMetadata } from './table-metadata.js';
import type { ObjectStore } from '../store/object-store.js';

/** `<namespace>.<name>`, e.g. `bronze.events`, `silver.orders`: also the table's folder, `bronze/events`. */
export type TableName = `${string}.${string}`;

export type IcebergPrimitive =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'date'
  | 'timestamp'
  | 'string'
  | 'binary'
  | `decimal(${number},${number})`;

export type IcebergType =
  | IcebergPrimitive
  | { readonly kind: 'list'; readonly elementId: number; readonly element: IcebergType }
  | { readonly kind: 'struct'; readonly fields: readonly TableField[] };

export interface TableField {
  /** Iceberg field id, unique in the table, nested ones included. */
  readonly id: number;
  readonly name: string;
  readonly type: IcebergType;
  readonly required: boolean;
  readonly doc?: string;
}

export type PartitionTransform = 'identity' | 'year' | 'month' | 'day' | 'hour' | `bucket[${number}]`;

export interface PartitionField {
  readonly column: string;
  readonly transform: PartitionTransform;
  /** Iceberg's name of the partition field; default: the column for identity, else `<column>_<transform>`. */
  readonly name?: string;
}

/** Everything that creates a table; `ensureTable` adds missing optional columns to an existing one and refuses other differences. */
export interface TableDefinition {
  readonly name: TableName;
  readonly fields: readonly TableField[];
  readonly partition: readonly PartitionField[];
  /** `partition` is only what the table begins with: its spec may be another by now (`core/care/evolve-layout.ts`). */
  readonly partitionEvolves?: true;
  /** Iceberg table properties; `write.parquet.compression-codec` is honoured by the writer. */
  readonly properties: Readonly<Record<string, string>>;
}

/** A data file as a manifest records it; made by the writers, opaque to the stages but for these. */
export interface DataFile {
  readonly path: string;
  readonly recordCount: number;
  readonly sizeBytes: number;
  /** Partition field name → value (day and month as ordinals since 1970, identity as is), null where null. */
  readonly partition: Readonly<Record<string, string | number | boolean | null>>;
  /** By field id: lengths, null counts, and Iceberg single-value bounds. */
  readonly metrics: DataFileMetrics;
  /** Partition spec the file was written under. */
  readonly specId: number;
}

export interface DataFileMetrics {
  readonly columnSizes?: ReadonlyMap<number, number>;
  readonly valueCounts?: ReadonlyMap<number, number>;
  readonly nullCounts?: ReadonlyMap<number, number>;
  readonly lowerBounds?: ReadonlyMap<number, Uint8Array>;
  readonly upperBounds?: ReadonlyMap<number, Uint8Array>;
}

/** topic → partition → offset. */
export type NextOffsets = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** One half-open range of a topic-partition that a commit brings. */
export interface OffsetRange {
  readonly topic: string;
  readonly partition: number;
  /** What the newest base must say (0 when it says nothing), else the commit is refused as `fenced`. */
  readonly expectedNext: number;
  readonly endExclusive: number;
}

/** Offsets inside a range that the log does not hold (transactional and compacted topics). */
export interface OffsetHole {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly toExclusive: number;
}

/** Offsets that expired in the log before they were landed, and that somebody gave up so that landing could go on behind them. */
export interface AcceptedLoss {
  readonly acceptedAtMs: number;
  /** `user@host`. */
  readonly by: string;
  readonly reason: string;
  /** One range of each partition that lost events. The table's holes hold them too. */
  readonly offsets: readonly OffsetHole[];
}

export interface OffsetFence {
  readonly ranges: readonly OffsetRange[];
  readonly holes?: readonly OffsetHole[];
  /** Its offsets become holes by this commit, and every later snapshot tells it. */
  readonly loss?: AcceptedLoss;
  /** Lease token: refused as `fenced` when the base's snapshots carry a higher one. */
  readonly fencingToken?: number;
}

export interface CommitRequest {
  readonly add: readonly DataFile[];
  /** Paths of data files that leave the table in the same commit; a path that is no longer there is a conflict. */
  readonly remove?: readonly string[];
  readonly fence?: OffsetFence;
  /** Extra snapshot summary entries; keys of ours begin with `keystone.`. Carried only by this snapshot. */
  readonly summary?: Readonly<Record<string, string>>;
  /** `replace` says that rows did not change (compaction): what the base's summary said under our keys holds on. Default: `append` without `remove`, else `overwrite`. */
  readonly operation?: 'append' | 'overwrite' | 'replace';
}

/** `fenced` and `conflict` are expected outcomes: nothing was committed, and files in `add` were removed from the store. */
export type CommitOutcome =
  | { readonly kind: 'committed'; readonly snapshot: Snapshot }
  | { readonly kind: 'fenced'; readonly nextOffsets: NextOffsets; readonly reason: string }
  | { readonly kind: 'conflict'; readonly reason: string };

export interface Snapshot {
  /** Other engines' ids exceed 2^53; ours do not. */
  readonly id: bigint;
  readonly parentId: bigint | null;
  readonly sequenceNumber: number;
  readonly timestampMs: number;
  readonly operation: string;
  readonly summary: Readonly<Record<string, string>>;
}

export interface ScanOptions {
  /** Default: the current snapshot. */
  readonly snapshotId?: bigint;
  /** Keep only files that may hold a row within all of these closed bounds (by column metrics; null bound = open). */
  readonly bounds?: readonly {
    readonly column: string;
    readonly min?: number | bigint | string;
    readonly max?: number | bigint | string;
  }[];
}

export interface TableScan {
  readonly snapshot: Snapshot | null;
  readonly files: readonly DataFile[];
  readonly recordCount: number;
  readonly sizeBytes: number;
}

export interface Table {
  readonly name: TableName;
  /** URI of the table's root. */
  readonly location: string;
  /** Where the table's files live. */
  readonly store: ObjectStore;
  /** Newest metadata: schema, current snapshot, history, next offsets. One read of the catalog. */
  state(): Promise<TableState>;
  scan(options?: ScanOptions): Promise<TableScan>;
  commit(request: CommitRequest): Promise<CommitOutcome>;
  /** Makes an older snapshot current; refused (KS_NOT_FOUND) when it is unknown. */
  rollback(snapshotId: bigint): Promise<Snapshot>;
  /** The metadata file as it is now, for the care of tables (`core/care`); the stages of the way ask for `state`. */
  metadata(): Promise<{ readonly metadata: TableMetadata; readonly location: string }>;
  /**
   * Changes the metadata other than by a snapshot (expiry, another partition spec): `build` is called on the newest base until the
   * swap succeeds; null: nothing to change. Resolves to what is current then. Throws KS_COMMIT_CONFLICT after many lost races.
   */
  changeMetadata(build: (base: TableMetadata) => Promise<TableMetadata | null>): Promise<TableMetadata>;
}

export interface TableState {
  readonly metadataLocation: string;
  readonly fields: readonly TableField[];
  /** The partition fields under which new files are written, with their names. */
  readonly partition: readonly Required<PartitionField>[];
  /** Id of that partition spec, for `DataFile.specId`. */
  readonly specId: number;
  /** Iceberg table properties. */
  readonly properties: Readonly<Record<string, string>>;
  /** When the table last changed in any way, in ms since the epoch. */
  readonly lastUpdatedMs: number;
  readonly currentSnapshot: Snapshot | null;
  /** All snapshots that are kept, oldest first (also those that a rollback left behind). */
  readonly snapshots: readonly Snapshot[];
  /** From the current line of snapshots; other engines' commits do not carry them, so the newest that does counts. */
  readonly nextOffsets: NextOffsets;
  readonly holes: readonly OffsetHole[];
  /** In the order in which they were accepted. */
  readonly losses: readonly AcceptedLoss[];
  /**
   * When a rollback made an older snapshot current: the newest snapshot that is not in the current line. What the rollback of `rollback`
   * gave up on purpose does not count.
   */
  readonly rolledBackFrom: Snapshot | null;
  /** The newest rollback that took the table along with those that stand and fall with it. */
  readonly rollback: RollbackMark | null;
}

/** One rollback of the tables that are derived together, as each of them carries it. */
export interface RollbackMark {
  /** Rises with every such rollback; `ledger.dispositions` gets it last, so one that it does not have is half done. */
  readonly number: number;
  /** What was asked for: this table, to this snapshot. */
  readonly table: string;
  readonly to: bigint;
  /** Snapshot of `ledger.dispositions` up to which everything was taken back; null: to before the first. */
  readonly cut: bigint | null;
  /** Sequence number of the newest snapshot that the table had then: up to here, what is not in the current line was given up. */
  readonly sequence: number;
}

/** Writes the rows of `sql` (run in `session`; columns by name, cast to the table's types) as data files of the table. */
export type WriteDataFiles = (
  session: DuckSession,
  table: Table,
  sql: string,
  options: {
    /** File name without extension for the n-th file; must be unique per commit. */
    readonly fileName: (n: number) => string;
  },
) => Promise<readonly DataFile[]>;

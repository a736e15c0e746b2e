/** What `table list` and `table show` say of a table: plain JSON, ids and times as text. */
import { existingTable, type TableSource } from './existing-table.js';
import { typeText } from './iceberg-type.js';
import type { NextOffsets, PartitionField, Snapshot, Table, TableState } from './table-api.js';

export interface TableSummary {
  readonly name: string;
  readonly format: 'iceberg/2';
  /** `day(order_purchase_timestamp)`; empty for an unpartitioned table. */
  readonly partition: string;
  readonly rows: number;
  readonly dataFiles: number;
  readonly bytes: number;
  readonly snapshots: number;
  /** As text, because other engines' ids exceed 2^53. */
  readonly currentSnapshotId: string | null;
  /** ISO 8601, UTC. */
  readonly lastUpdated: string;
  /** topic → partition → next offset; empty for a table that is not fed from the log. */
  readonly nextOffsets: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly location: string;
  readonly metadataLocation: string;
}

export interface ColumnDescription {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly doc: string;
}

export interface SnapshotFacts {
  /** As text, because other engines' ids exceed 2^53. */
  readonly id: string;
  readonly parentId: string | null;
  readonly sequence: number;
  /** ISO 8601, UTC. */
  readonly committed: string;
  /** `append`, `overwrite`, `delete`, or `replace`: files were rewritten and rows did not change. */
  readonly operation: string;
  readonly addedRows: number;
  readonly deletedRows: number;
  /** null: its writer did not say. */
  readonly totalRows: number | null;
}

export interface SnapshotDescription extends SnapshotFacts {
  readonly current: boolean;
}

export interface TableDescription extends TableSummary {
  readonly columns: readonly ColumnDescription[];
  /** Newest first. */
  readonly snapshotList: readonly SnapshotDescription[];
  /** Id of the newest snapshot that a rollback left behind, as long as its data is missing. */
  readonly rolledBackFrom: string | null;
  readonly properties: Readonly<Record<string, string>>;
}

/** Every table of the lake, or of one namespace, by name. */
export async function describeTables(source: TableSource, namespace?: string): Promise<readonly TableSummary[]> {
  const names = (await source.tableNames()).filter((name) => namespace === undefined || name.startsWith(`${namespace}.`));
  const summaries: TableSummary[] = [];
  for (const name of names) {
    const table = await source.table(name);
    if (table) summaries.push(await summaryOf(table, await table.state()));
  }
  return summaries;
}

/** One table in full; throws KS_NOT_FOUND naming the tables that there are. */
export async function describeTable(source: TableSource, name: string): Promise<TableDescription> {
  const table = await existingTable(source, name);
  const state = await table.state();
  return {
    ...(await summaryOf(table, state)),
    columns: state.fields.map((field) => ({
      id: field.id,
      name: field.name,
      type: typeText(field.type),
      required: field.required,
      doc: field.doc ?? '',
    })),
    snapshotList: state.snapshots.toReversed().map((snapshot) => describeSnapshot(snapshot, state.currentSnapshot)),
    rolledBackFrom: state.rolledBackFrom === null ? null : String(state.rolledBackFrom.id),
    properties: state.properties,
  };
}

async function summaryOf(table: Table, state: TableState): Promise<TableSummary> {
  const { currentSnapshot } = state;
  return {
    name: table.name,
    format: 'iceberg/2',
    partition: state.partition.map(partitionText).join(', '),
    ...(await contentsOf(table, currentSnapshot)),
    snapshots: state.snapshots.length,
    currentSnapshotId: currentSnapshot === null ? null : String(currentSnapshot.id),
    lastUpdated: new Date(state.lastUpdatedMs).toISOString(),
    nextOffsets: offsetsJson(state.nextOffsets),
    location: table.location,
    metadataLocation: state.metadataLocation,
  };
}

/** From the snapshot's totals; another engine's may lack them, then the files are counted. */
async function contentsOf(table: Table, snapshot: Snapshot | null): Promise<Pick<TableSummary, 'rows' | 'dataFiles' | 'bytes'>> {
  if (!snapshot) return { rows: 0, dataFiles: 0, bytes: 0 };
  const totals = ['total-records', 'total-data-files', 'total-files-size'].map((key) => snapshot.summary[key]);
  if (totals.every((total) => total !== undefined)) {
    const [rows, dataFiles, bytes] = totals.map(Number);
    return { rows: rows ?? 0, dataFiles: dataFiles ?? 0, bytes: bytes ?? 0 };
  }
  const { files, recordCount, sizeBytes } = await table.scan();
  return { rows: recordCount, dataFiles: files.length, bytes: sizeBytes };
}

const partitionText = ({ column, transform }: PartitionField): string =>
  transform === 'identity' ? column : `${transform}(${column})`;

const offsetsJson = (offsets: NextOffsets): TableSummary['nextOffsets'] =>
  Object.fromEntries([...offsets].map(([topic, partitions]) => [topic, Object.fromEntries(partitions)]));

const describeSnapshot = (snapshot: Snapshot, current: Snapshot | null): SnapshotDescription => ({
  ...snapshotFacts(snapshot),
  current: snapshot.id === current?.id,
});

/** What a snapshot says of itself. */
export function snapshotFacts(snapshot: Snapshot): SnapshotFacts {
  const { summary } = snapshot;
  return {
    id: String(snapshot.id),
    parentId: snapshot.parentId === null ? null : String(snapshot.parentId),
    sequence: snapshot.sequenceNumber,
    committed: new Date(snapshot.timestampMs).toISOString(),
    operation: snapshot.operation,
    addedRows: Number(summary['added-records'] ?? 0),
    deletedRows: Number(summary['deleted-records'] ?? 0),
    totalRows: summary['total-records'] === undefined ? null : Number(summary['total-records']),
  };
}

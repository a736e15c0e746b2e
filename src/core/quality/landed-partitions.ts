/** Which partitions of silver changed since a moment: by the files that came and went, and by what went to quarantine meanwhile. */
import type { Contract } from '../contract/contract.js';
import type { Lakehouse } from '../lakehouse.js';
import { silverTableName } from '../silver/silver-table.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile, Table, TableName } from '../table/table-api.js';

/** Table → snapshot id as text, null when it had none: what a later call compares with. */
export type Watermark = Readonly<Record<TableName, string | null>>;

export interface LandedDataset {
  readonly dataset: string;
  /** Partitions as `validate partition` takes them, ordered; `['all']` for an unpartitioned dataset and beyond `maxPartitions`. */
  readonly partitions: readonly string[];
}

export interface Landed {
  readonly datasets: readonly LandedDataset[];
  readonly watermark: Watermark;
}

interface Moved {
  readonly files: readonly DataFile[];
  readonly fields: Awaited<ReturnType<Table['state']>>['fields'];
  readonly now: string | null;
}

const QUARANTINE: TableName = 'quarantine.events';

/** `since`: an earlier watermark; null counts everything as landed. A validation of many partitions is one of `all`. */
export async function landedSince(lakehouse: Lakehouse, since: Watermark | null, maxPartitions: number): Promise<Landed> {
  const contracts = [...(await lakehouse.contracts()).values()];
  const watermark: Record<TableName, string | null> = {};
  const quarantined = await movedFiles(lakehouse, QUARANTINE, since?.[QUARANTINE] ?? null);
  watermark[QUARANTINE] = quarantined?.now ?? null;
  const hints =
    quarantined && quarantined.files.length > 0
      ? await quarantineHints(lakehouse, quarantined)
      : new Map<string, Set<string | null>>();
  const datasets: LandedDataset[] = [];
  for (const contract of contracts) {
    const name = silverTableName(contract.dataset);
    const moved = await movedFiles(lakehouse, name, since?.[name] ?? null);
    watermark[name] = moved?.now ?? null;
    const partitions = new Set<string>();
    for (const file of moved?.files ?? []) partitions.add(partitionOf(contract, file));
    // A row whose partition could not be read belongs to none: only the whole dataset counts it.
    for (const hint of hints.get(contract.dataset) ?? []) partitions.add(contract.partition && hint !== null ? hint : 'all');
    if (partitions.size === 0) continue;
    const whole = partitions.has('all') || partitions.size > maxPartitions;
    datasets.push({ dataset: contract.dataset, partitions: whole ? ['all'] : [...partitions].toSorted() });
  }
  return { datasets, watermark };
}

/** Files that came or went; null when the table does not exist. A snapshot that is no longer known counts every file. */
async function movedFiles(lakehouse: Lakehouse, name: TableName, since: string | null): Promise<Moved | null> {
  const table = await lakehouse.table(name);
  if (!table) return null;
  const { currentSnapshot, snapshots, fields } = await table.state();
  const now = currentSnapshot ? String(currentSnapshot.id) : null;
  if (!currentSnapshot || now === since) return { files: [], fields, now };
  const current = (await table.scan({ snapshotId: currentSnapshot.id })).files;
  const known = since !== null && snapshots.some((snapshot) => String(snapshot.id) === since);
  const before = known ? (await table.scan({ snapshotId: BigInt(since) })).files : [];
  const [was, is] = [new Set(before.map((file) => file.path)), new Set(current.map((file) => file.path))];
  return {
    files: [...current.filter((file) => !was.has(file.path)), ...before.filter((file) => !is.has(file.path))],
    fields,
    now,
  };
}

function partitionOf(contract: Contract, file: DataFile): string {
  const [value] = Object.values(file.partition);
  if (!contract.partition || typeof value !== 'number') return 'all';
  if (contract.partition.transform === 'month') return new Date(Date.UTC(1970, value)).toISOString().slice(0, 7);
  return new Date(value * 86_400_000).toISOString().slice(0, 10);
}

async function quarantineHints(lakehouse: Lakehouse, moved: Moved): Promise<ReadonlyMap<string, ReadonlySet<string | null>>> {
  const session = await lakehouse.duck();
  try {
    const rows = await session.rows<{ dataset: string; partition_hint: string | null }>(
      `SELECT DISTINCT dataset, partition_hint FROM (${await scanSql(moved.fields, moved.files, await lakehouse.store())}) AS moved`,
    );
    const hints = new Map<string, Set<string | null>>();
    for (const row of rows) hints.set(row.dataset, (hints.get(row.dataset) ?? new Set()).add(row.partition_hint));
    return hints;
  } finally {
    await session.close();
  }
}

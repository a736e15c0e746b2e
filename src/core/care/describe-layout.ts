/** How the files of a table are partitioned, under each spec it had, and what its bytes a day advise. */
import type { Lakehouse } from '../lakehouse.js';
import { existingTable } from '../table/existing-table.js';
import { specText } from '../table/evolve-spec.js';
import { decodeBound } from '../table/single-value.js';
import type { DataFile, TableField, TableName } from '../table/table-api.js';
import { adviseLayout, type DayBytes, type LayoutAdvice } from './layout-advice.js';
import { layoutText } from './partition-layout.js';

export interface SpecUse {
  readonly specId: number;
  /** `hour(log_time), bucket[16](source)`. */
  readonly partition: string;
  /** New files are written under it. */
  readonly current: boolean;
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
}

export interface TableLayout {
  readonly table: TableName;
  readonly partition: string;
  /** As `--to` takes it; null where the table's layout is not set that way. */
  readonly layout: string | null;
  readonly specs: readonly SpecUse[];
  /** Bytes of data files by the day of their newest event, the last seven days, today last; empty for a table without such a time. */
  readonly days: readonly DayBytes[];
  /** null: the layout is not this command's to set; `reason` says whose it is. */
  readonly advice: LayoutAdvice | null;
  readonly fixedBy: string | null;
}

const DAYS = 7;
const DAY_MS = 86_400_000;
/** The time by which a table's growth is counted: when the log took the event. */
const TIME_COLUMNS = ['log_time', '_log_time', 'processed_at'];

/** The one table whose layout may be set. */
export const EVOLVING_TABLE: TableName = 'bronze.events';

/** Whose the layout of a table is; null: `table layout --to` may change it. */
export function layoutFixedBy(name: string): string | null {
  if (name === EVOLVING_TABLE) return null;
  if (name.startsWith('silver.')) return 'the partition of a silver table belongs to its contract';
  if (name.startsWith('gold.')) return 'the partition of a gold table belongs to its model';
  return `only ${EVOLVING_TABLE} grows with all that arrives; ${name} keeps the layout it was made with`;
}

export async function describeLayout(lakehouse: Lakehouse, name: string): Promise<TableLayout> {
  const table = await existingTable(lakehouse, name);
  const { metadata } = await table.metadata();
  const state = await table.state();
  const { files } = await table.scan();
  const days = bytesOfDays(files, state.fields, lakehouse.effects.clock.nowMs());
  const fixedBy = layoutFixedBy(table.name);
  const currentId = metadata['default-spec-id'];
  return {
    table: table.name,
    partition: specText(metadata, currentId),
    layout: fixedBy === null ? layoutText(state.partition) : null,
    specs: metadata['partition-specs'].map((spec) => {
      const own = files.filter((file) => file.specId === spec['spec-id']);
      return {
        specId: spec['spec-id'],
        partition: specText(metadata, spec['spec-id']),
        current: spec['spec-id'] === currentId,
        files: own.length,
        rows: own.reduce((sum, { recordCount }) => sum + recordCount, 0),
        bytes: own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      };
    }),
    days,
    advice: fixedBy === null ? adviseLayout(days) : null,
    fixedBy,
  };
}

/** From the manifests' bounds alone; a file without a bound counts nowhere. */
function bytesOfDays(files: readonly DataFile[], fields: readonly TableField[], nowMs: number): readonly DayBytes[] {
  const time = TIME_COLUMNS.map((column) => fields.find(({ name }) => name === column)).find((field) => field !== undefined);
  if (!time) return [];
  const bytes = new Map<string, number>();
  for (const { metrics, sizeBytes } of files) {
    const bound = metrics.upperBounds?.get(time.id);
    const micros = bound ? decodeBound('timestamp', bound) : undefined;
    if (typeof micros !== 'bigint') continue;
    const day = dayText(Number(micros / 1000n));
    bytes.set(day, (bytes.get(day) ?? 0) + sizeBytes);
  }
  return Array.from({ length: DAYS }, (_, n) => {
    const day = dayText(nowMs - (DAYS - 1 - n) * DAY_MS);
    return { day, bytes: bytes.get(day) ?? 0 };
  });
}

const dayText = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** What statements and storage cost: the recorded statements added up, and the lake's tables at the price of storage. */
import { describeTables } from '../table/describe-table.js';
import type { Lakehouse } from '../lakehouse.js';
import { roundedDollars } from '../engine/spent.js';
import { storageDollars } from './statement-cost.js';
import { STATEMENT_RUN, statementDetail, type StatementDetail } from './statement-record.js';

/** What statements are added up by. */
export type CostGroup = 'run' | 'command' | 'table' | 'day';

export interface CostRow {
  /** A statement's id, a command, a table or a day (UTC). */
  readonly group: string;
  readonly statements: number;
  /** Of the statements that could be estimated. */
  readonly estimatedBytes: number;
  readonly actualBytes: number;
  readonly billedBytes: number;
  readonly dollars: number;
}

export interface StorageRow {
  readonly table: string;
  readonly bytes: number;
  readonly dollarsPerMonth: number;
}

export interface CostReport {
  /** ISO 8601; null: since the first. */
  readonly since: string | null;
  readonly by: CostGroup;
  /** Dearest first; by day: in order. */
  readonly scans: readonly CostRow[];
  readonly scanDollars: number;
  readonly storage: readonly StorageRow[];
  readonly storageDollarsPerMonth: number;
}

const MOST_RUNS = 100_000;

export async function costReport(
  lakehouse: Lakehouse,
  { by, sinceMs }: { readonly by: CostGroup; readonly sinceMs: number | null },
): Promise<CostReport> {
  const runs = await (await lakehouse.state()).listRuns({ command: STATEMENT_RUN, limit: MOST_RUNS });
  const rows = new Map<string, CostRow>();
  let dollars = 0;
  for (const run of runs) {
    const read = statementDetail.safeParse(run.detail);
    if (!read.success || (sinceMs !== null && run.startedAtMs < sinceMs)) continue;
    dollars += read.data.dollars;
    for (const { group, share } of groupsOf(read.data, by, run)) {
      const sum = rows.get(group);
      rows.set(group, {
        group,
        statements: (sum?.statements ?? 0) + 1,
        estimatedBytes: (sum?.estimatedBytes ?? 0) + Math.round((read.data.estimatedBytes ?? 0) * share),
        actualBytes: (sum?.actualBytes ?? 0) + Math.round(read.data.actualBytes * share),
        billedBytes: (sum?.billedBytes ?? 0) + Math.round(read.data.billedBytes * share),
        dollars: roundedDollars((sum?.dollars ?? 0) + read.data.dollars * share),
      });
    }
  }
  const { cost } = lakehouse.config;
  const storage = (await describeTables(lakehouse))
    .map(({ name, bytes }) => ({ table: name, bytes, dollarsPerMonth: roundedDollars(storageDollars(cost, bytes)) }))
    .toSorted((a, b) => b.bytes - a.bytes);
  return {
    since: sinceMs === null ? null : new Date(sinceMs).toISOString(),
    by,
    scans: [...rows.values()].toSorted((a, b) =>
      by === 'day' ? (a.group < b.group ? -1 : 1) : b.dollars - a.dollars || b.actualBytes - a.actualBytes,
    ),
    scanDollars: roundedDollars(dollars),
    storage,
    storageDollarsPerMonth: roundedDollars(storage.reduce((sum, row) => sum + row.dollarsPerMonth, 0)),
  };
}

/** A statement over several tables is shared among them by what was estimated of each. */
function groupsOf(
  { command, tables }: StatementDetail,
  by: CostGroup,
  run: { readonly id: string; readonly startedAtMs: number },
): readonly { readonly group: string; readonly share: number }[] {
  if (by === 'command') return [{ group: command, share: 1 }];
  if (by === 'day') return [{ group: new Date(run.startedAtMs).toISOString().slice(0, 10), share: 1 }];
  if (by === 'run') return [{ group: run.id, share: 1 }];
  if (tables.length === 0) return [{ group: '(no table)', share: 1 }];
  const total = tables.reduce((sum, { estimatedBytes }) => sum + estimatedBytes, 0);
  const byTable = new Map<string, number>();
  for (const { table, estimatedBytes } of tables) {
    const share = total === 0 ? 1 / tables.length : estimatedBytes / total;
    byTable.set(table, (byTable.get(table) ?? 0) + share);
  }
  return [...byTable].map(([group, share]) => ({ group, share }));
}

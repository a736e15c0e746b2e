/** Running totals by verdict in the summary of every dispositions snapshot, so that the account's quick mode needs no data files. */
import { type Verdict, VERDICTS } from '../ledger/dispositions-table.js';
import type { Table } from '../table/table-api.js';
import type { DerivedCounts } from './derivation.js';

/** Summary key of one verdict's total since the table began. */
export const totalKey = (verdict: Verdict): string => `keystone.total-${verdict}`;

/** The totals that a snapshot on top of the current one must carry. */
export async function verdictTotals(dispositions: Table, counts: DerivedCounts): Promise<Readonly<Record<string, string>>> {
  const summary = (await dispositions.state()).currentSnapshot?.summary ?? {};
  return Object.fromEntries(
    VERDICTS.map((verdict) => [totalKey(verdict), String(Number(summary[totalKey(verdict)] ?? 0) + counts[verdict])]),
  );
}

/** What a statement would cost, for people who ask before they run it. */
import type { Lakehouse } from '../lakehouse.js';
import { estimateScan, type ScanEstimate } from './estimate-scan.js';
import { readsAllPartitions } from './scan-guard.js';
import { billedBytes, scanDollars } from './statement-cost.js';
import { whyNoEstimate } from './why-no-estimate.js';

export interface StatementEstimate extends ScanEstimate {
  /** What Athena would bill. */
  readonly billedBytes: number;
  /** US dollars. */
  readonly dollars: number;
  /** Why Athena and Trino would be kept from running it. */
  readonly warnings: readonly string[];
}

/** @throws KeystoneError KS_SQL for what is no query, KS_NOT_FOUND for a table that is not there. */
export async function estimateStatement(lakehouse: Lakehouse, sql: string): Promise<StatementEstimate> {
  const estimate = await estimateScan(lakehouse, sql, 'athena');
  if (!estimate) throw await whyNoEstimate(lakehouse, sql);
  const { cost } = lakehouse.config;
  const billed = billedBytes(cost, 'athena', estimate.bytes);
  const warnings = estimate.tables
    .filter(readsAllPartitions)
    .map(
      ({ table, partitionColumns }) =>
        `${table} is read whole: no condition compares ${partitionColumns.join(' or ')} with a constant; Athena and Trino need --allow-full-scan`,
    );
  return { ...estimate, billedBytes: billed, dollars: scanDollars(cost, billed), warnings };
}

/** Refuses a statement before it costs anything. */
import { KeystoneError } from '../errors.js';
import type { ScanEstimate, TableEstimate } from './estimate-scan.js';

export interface ScanLimits {
  /** Bytes; absent: no limit. */
  readonly maxScan?: number;
  /** Whether a partitioned table may be read without a condition on its partitions. */
  readonly allowFullScan: boolean;
}

/** What a service is kept from, unless a full scan is allowed. */
export const readsAllPartitions = ({ partitionColumns, isPruned, files }: TableEstimate): boolean =>
  partitionColumns.length > 0 && !isPruned && files > 0;

/** @throws KeystoneError KS_COST_LIMIT naming the table, the bytes and the limit; nothing was run. */
export function requireAffordable(estimate: ScanEstimate, { maxScan, allowFullScan }: ScanLimits): void {
  if (!allowFullScan) {
    const unbounded = estimate.tables.find(readsAllPartitions);
    if (unbounded) {
      const { table, partitionColumns, bytes, files } = unbounded;
      throw new KeystoneError(
        'KS_COST_LIMIT',
        `the statement reads all partitions of ${table}: ${files} files, ${megabytes(bytes)}; nothing was run`,
        {
          hint: `compare ${partitionColumns.join(' or ')} itself with a constant (a function around it skips no file), or give --allow-full-scan`,
          details: { table, bytes, files, partitionColumns },
        },
      );
    }
  }
  requireWithin(estimate.tables, maxScan);
}

/**
 * `tables`: what the statement is estimated to read of each, in bytes; `maxScan`: bytes, undefined: no limit.
 * @throws KeystoneError KS_COST_LIMIT naming the largest table, the bytes and the limit; nothing was run.
 */
export function requireWithin(
  tables: readonly { readonly table: string; readonly bytes: number }[],
  maxScan: number | undefined,
): void {
  const bytes = tables.reduce((sum, each) => sum + each.bytes, 0);
  if (maxScan === undefined || bytes <= maxScan) return;
  const largest = tables.toSorted((a, b) => b.bytes - a.bytes)[0];
  throw new KeystoneError(
    'KS_COST_LIMIT',
    `the statement would read ${megabytes(bytes)}, of ${largest?.table ?? 'its tables'} ${megabytes(largest?.bytes ?? 0)}; the limit is ${megabytes(maxScan)}; nothing was run`,
    {
      hint: 'ask for fewer partitions or columns, or raise the limit: --max-scan, engine.maxScan',
      details: { table: largest?.table ?? null, bytes, maxScan },
    },
  );
}

/** e.g. `12.3 MB`. */
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e6 ? 3 : 1)} MB`;

/**
 * What `consume run` does for its tables by itself (settings `care.*`): merges small files of like size, and lets old snapshots expire.
 * Without it a table that is committed every few seconds has more files and snapshots every day, and each commit and query pays for them.
 */
import type { Clock } from '../clock.js';
import type { KeystoneConfig } from '../config/config.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { isKeystoneError, messageOf } from '../errors.js';
import type { Table } from '../table/table-api.js';
import { compactTable } from './compact-table.js';
import { expireSnapshots } from './expire-snapshots.js';
import { indexMerged } from './index-merged.js';

export interface CareOptions {
  readonly care: KeystoneConfig['care'];
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** Told of care that did not succeed; it is tried again the next time and never stops the builder. */
  readonly onNotice: (text: string) => void;
}

/** What was done, over all tables. */
export interface CareTotals {
  readonly mergedFiles: number;
  readonly mergedInto: number;
  readonly expiredSnapshots: number;
  readonly deletedFiles: number;
}

export const NO_CARE: CareTotals = { mergedFiles: 0, mergedInto: 0, expiredSnapshots: 0, deletedFiles: 0 };

/** Merges of one table at a time: the builder waits meanwhile. */
const MAX_MERGES = 64;
/** Snapshots beyond the policy that are let come together, so that expiry is no commit of its own for each commit. */
const EXPIRY_SLACK = 1.25;

export async function careForTables(session: DuckSession, tables: readonly Table[], options: CareOptions): Promise<CareTotals> {
  let totals = NO_CARE;
  for (const table of tables) {
    if (options.signal.aborted) break;
    try {
      totals = addCare(totals, await careForTable(session, table, options));
    } catch (error) {
      if (isKeystoneError(error) && error.code === 'KS_INTERRUPTED') break;
      options.onNotice(`${table.name} was not compacted, and is left as it is: ${messageOf(error)}`);
    }
  }
  return totals;
}

async function careForTable(session: DuckSession, table: Table, options: CareOptions): Promise<CareTotals> {
  const { care, clock, randomBytes, signal } = options;
  const { merged, into } = await compactTable(session, table, {
    policy: { smallFileBytes: care.smallFile, targetFileBytes: care.targetFile, minFiles: care.minFiles, tiered: true },
    maxGroups: MAX_MERGES,
    randomBytes,
    signal,
    onMerged: (file) => indexMerged(session, table, file),
  });
  const { snapshots } = await table.state();
  if (snapshots.length <= care.keepSnapshots * EXPIRY_SLACK) return { ...NO_CARE, mergedFiles: merged, mergedInto: into };
  const expired = await expireSnapshots(table, { keep: care.keepSnapshots, keepForMs: care.keepFor }, { clock });
  return {
    mergedFiles: merged,
    mergedInto: into,
    expiredSnapshots: expired.expiredSnapshots,
    deletedFiles: expired.dataFiles + expired.metadataFiles,
  };
}

export const addCare = (a: CareTotals, b: CareTotals): CareTotals => ({
  mergedFiles: a.mergedFiles + b.mergedFiles,
  mergedInto: a.mergedInto + b.mergedInto,
  expiredSnapshots: a.expiredSnapshots + b.expiredSnapshots,
  deletedFiles: a.deletedFiles + b.deletedFiles,
});

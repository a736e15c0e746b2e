/** `table compact`: the tables that were named, or all of the lake, one after the other. */
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { indexMerged } from './index-merged.js';
import { type Compacted, compactTable } from './compact-table.js';
import { namedTables } from './named-tables.js';

export interface RunCompactOptions {
  /** Empty: every table. */
  readonly tables: readonly string[];
  /** Small files of a partition that are worth merging, at least 2. */
  readonly minFiles: number;
  readonly dryRun: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface RunCompactResult {
  readonly tables: readonly Compacted[];
  readonly dryRun: boolean;
}

/** @throws KeystoneError KS_NOT_FOUND, KS_INTERRUPTED, KS_TABLE_CORRUPT. */
export async function runCompact(lakehouse: Lakehouse, options: RunCompactOptions): Promise<RunCompactResult> {
  const { smallFile, targetFile } = lakehouse.config.care;
  // By hand everything small is merged, whatever the automatic policy would still leave.
  const policy = {
    smallFileBytes: Math.min(smallFile, targetFile),
    targetFileBytes: targetFile,
    minFiles: options.minFiles,
    tiered: false,
  };
  const tables = await namedTables(lakehouse, options.tables);
  const session = await lakehouse.duck({ keepFooters: false });
  const done: Compacted[] = [];
  try {
    for (const table of tables) {
      done.push(
        await compactTable(session, table, {
          policy,
          dryRun: options.dryRun,
          randomBytes: lakehouse.effects.randomBytes,
          onMerged: (file) => indexMerged(session, table, file),
          onProgress: options.progress,
          signal: options.signal,
        }),
      );
    }
  } finally {
    await session.close();
  }
  return { tables: done, dryRun: options.dryRun };
}

/** `table orphans`: the tables that were named, or all of the lake, one after the other; and what killed processes left half-written. */
import { durationMs } from '../config/setting-values.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { namedTables } from './named-tables.js';
import { LEAST_ORPHAN_AGE_MS, type RemovedOrphans, removeOrphans } from './remove-orphans.js';
import { type RemovedStaged, removeStaged } from './remove-staged.js';

export interface RunOrphansOptions {
  /** Empty: every table. */
  readonly tables: readonly string[];
  /** As a duration is written: `3d`. */
  readonly olderThan: string;
  readonly dryRun: boolean;
  /** The person has agreed that it can't be taken back. */
  readonly confirmed: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface RunOrphansResult {
  readonly tables: readonly RemovedOrphans[];
  /** Of the lake's staging folder, which is looked through when no table is named. */
  readonly staged: RemovedStaged;
  readonly totals: { readonly files: number; readonly bytes: number };
  readonly olderThanMs: number;
  readonly dryRun: boolean;
}

/** @throws KeystoneError KS_USAGE, KS_NOT_FOUND, KS_STORE, KS_INTERRUPTED, KS_TABLE_CORRUPT. */
export async function runOrphans(lakehouse: Lakehouse, options: RunOrphansOptions): Promise<RunOrphansResult> {
  const olderThanMs = ageOf(options.olderThan);
  const tables = await namedTables(lakehouse, options.tables);
  const remove = async (dryRun: boolean): Promise<Pick<RunOrphansResult, 'tables' | 'staged'>> => {
    const done: RemovedOrphans[] = [];
    for (const [n, table] of tables.entries()) {
      if (options.signal.aborted) {
        throw new KeystoneError('KS_INTERRUPTED', `stopped after ${n} of ${tables.length} tables`, {
          hint: 'The same command goes on where it stopped.',
        });
      }
      options.progress({ phase: `look through ${table.name}`, done: n, total: tables.length, unit: 'tables' });
      done.push(await removeOrphans(table, olderThanMs, lakehouse.effects, { dryRun }));
    }
    const staged = options.tables.length === 0 ? await removeStaged(lakehouse, olderThanMs, dryRun) : { files: 0, bytes: 0 };
    return { tables: done, staged };
  };
  if (!options.dryRun && !options.confirmed) {
    const { files, bytes } = totalsOf(await remove(true));
    if (files > 0) {
      throw new KeystoneError('KS_USAGE', `${files} files (${bytes} bytes) would be gone for good; nothing was changed`, {
        hint: 'The same with --dry-run shows them by table, with --yes does it.',
      });
    }
  }
  const done = await remove(options.dryRun);
  // Whoever takes a staging folder removes those of processes that have ended. Last, because on a full disk it may not be made.
  if (!options.dryRun) await (await lakehouse.store()).stagingDir();
  return { ...done, totals: totalsOf(done), olderThanMs, dryRun: options.dryRun };
}

function ageOf(text: string): number {
  const parsed = durationMs.safeParse(text);
  const hint = 'Write it like --older-than 3d or 12h; a file younger than an hour may belong to a commit that is under way.';
  if (!parsed.success) throw new KeystoneError('KS_USAGE', `--older-than: "${text}" is no duration`, { hint });
  if (parsed.data >= LEAST_ORPHAN_AGE_MS) return parsed.data;
  throw new KeystoneError('KS_USAGE', `--older-than ${text} is less than an hour`, { hint });
}

const totalsOf = ({ tables, staged }: Pick<RunOrphansResult, 'tables' | 'staged'>): RunOrphansResult['totals'] => ({
  files: tables.reduce((sum, { files }) => sum + files, staged.files),
  bytes: tables.reduce((sum, { bytes }) => sum + bytes, staged.bytes),
});

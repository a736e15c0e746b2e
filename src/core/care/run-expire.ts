/** `table expire`: the tables that were named, or all of the lake, one after the other. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { type ExpiredSnapshots, expireSnapshots } from './expire-snapshots.js';
import { type ExpiryPolicy, LEAST_KEEP_MS } from './expiry-policy.js';
import { namedTables } from './named-tables.js';

export interface RunExpireOptions {
  /** Empty: every table. */
  readonly tables: readonly string[];
  readonly dryRun: boolean;
  /** The person has agreed that it can't be taken back. */
  readonly confirmed: boolean;
  /** Also snapshots that ended less than a minute ago, whoever reads them. */
  readonly force: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface RunExpireResult {
  readonly tables: readonly ExpiredSnapshots[];
  readonly totals: Omit<ExpiredSnapshots, 'table'>;
  readonly policy: ExpiryPolicy;
  readonly dryRun: boolean;
}

/** By the settings `care.keepSnapshots` and `care.keepFor`. @throws KeystoneError KS_USAGE, KS_NOT_FOUND, KS_INTERRUPTED, KS_TABLE_CORRUPT. */
export async function runExpire(lakehouse: Lakehouse, options: RunExpireOptions): Promise<RunExpireResult> {
  const { keepSnapshots, keepFor } = lakehouse.config.care;
  const policy = { keep: keepSnapshots, keepForMs: keepFor };
  if (keepFor < LEAST_KEEP_MS && !options.force && !options.dryRun) {
    throw new KeystoneError('KS_USAGE', `keeping snapshots for ${keepFor} ms would take files from those who read them now`, {
      hint: 'Give --older-than 1m or more, or --force when nobody reads and no consumer runs.',
    });
  }
  const tables = await namedTables(lakehouse, options.tables);
  const done: ExpiredSnapshots[] = [];
  const expire = async (dryRun: boolean): Promise<void> => {
    done.length = 0;
    for (const [n, table] of tables.entries()) {
      stopIfAsked(options.signal, n, tables.length);
      options.progress({ phase: `expire ${table.name}`, done: n, total: tables.length, unit: 'tables' });
      done.push(await expireSnapshots(table, policy, lakehouse.effects, { dryRun }));
    }
  };
  if (!options.dryRun && !options.confirmed) {
    await expire(true);
    const { expiredSnapshots, dataFiles } = totalsOf(done);
    if (expiredSnapshots > 0) {
      throw new KeystoneError(
        'KS_USAGE',
        `${expiredSnapshots} snapshots and ${dataFiles} data files would be gone for good; nothing was changed`,
        { hint: 'The same with --dry-run shows them by table, with --yes does it.' },
      );
    }
  }
  await expire(options.dryRun);
  return { tables: done, totals: totalsOf(done), policy, dryRun: options.dryRun };
}

function stopIfAsked(signal: AbortSignal, done: number, of: number): void {
  if (!signal.aborted) return;
  throw new KeystoneError('KS_INTERRUPTED', `expiry was stopped after ${done} of ${of} tables`, {
    hint: 'The same command goes on where it stopped.',
  });
}

function totalsOf(tables: readonly ExpiredSnapshots[]): RunExpireResult['totals'] {
  const total = (key: keyof RunExpireResult['totals']): number => tables.reduce((sum, table) => sum + table[key], 0);
  return {
    expiredSnapshots: total('expiredSnapshots'),
    keptSnapshots: total('keptSnapshots'),
    dataFiles: total('dataFiles'),
    bytes: total('bytes'),
    metadataFiles: total('metadataFiles'),
    emptiedVersions: total('emptiedVersions'),
  };
}

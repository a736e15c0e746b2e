/**
 * `table relocate`: a lake folder that was moved or copied is made readable where it lies now. Table by table, each in one swap: after
 * a crash the same command goes on with the tables that are left.
 */
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { isS3Uri } from '../store/lake-place.js';
import { tableFolder } from '../table/data-path.js';
import { otherLakeOf } from '../table/moved-lake.js';
import type { Table } from '../table/table-api.js';
import { type RelocatedTable, examineTable, relocateTable } from './relocate-table.js';

export interface RelocateOptions {
  readonly dryRun: boolean;
  /** Also when the old place still exists, or files did not come along. */
  readonly force: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface Relocation {
  /** Those that named another place; empty when the lake lies where it was written. */
  readonly tables: readonly RelocatedTable[];
  /** The lake folders that they named. */
  readonly from: readonly string[];
  readonly to: string;
  readonly dryRun: boolean;
}

interface MovedTable {
  readonly table: Table;
  readonly from: string;
}

/** @throws KeystoneError KS_USAGE when the old place is still there, KS_TABLE_CORRUPT for missing files, KS_TABLE_UNSUPPORTED, KS_INTERRUPTED. */
export async function relocateLake(lakehouse: Lakehouse, options: RelocateOptions): Promise<Relocation> {
  const store = await lakehouse.store();
  const { adapter, s3 } = lakehouse.config.profile.store;
  if (adapter === 's3' && Object.keys(s3.buckets).length > 0) {
    throw new KeystoneError('KS_USAGE', 'a lake whose layers lie in buckets of their own (store.s3.buckets) is not relocated', {
      hint: 'Relocate it in one place first: copy it there and leave store.s3.buckets out.',
    });
  }
  const moved = await movedTables(lakehouse);
  const from = [...new Set(moved.map((one) => one.from))];
  const to = store.uri('');
  if (!options.force && !options.dryRun) await refuseLivingLake(moved, to);
  const examined: RelocatedTable[] = [];
  const step = (phase: string, done: number): void => {
    options.progress({ phase, done, total: moved.length, unit: 'tables' });
    if (!options.signal.aborted) return;
    throw new KeystoneError('KS_INTERRUPTED', `stopped before ${phase}`, {
      hint: 'keystone table relocate goes on where it stopped.',
    });
  };
  // All are looked at before the first is changed: a lake that came along in part is left as it is.
  for (const [n, { table, from: old }] of moved.entries()) {
    step(`look through ${table.name}`, n);
    examined.push(await examineTable(table, old));
  }
  if (!options.force && !options.dryRun) refuseMissing(examined);
  if (!options.dryRun) {
    for (const [n, { table, from: old }] of moved.entries()) {
      step(`relocate ${table.name}`, n);
      await relocateTable(table, old, lakehouse.effects.randomBytes);
    }
  }
  return { tables: examined, from, to, dryRun: options.dryRun };
}

async function movedTables(lakehouse: Lakehouse): Promise<readonly MovedTable[]> {
  const moved: MovedTable[] = [];
  for (const name of await lakehouse.tableNames()) {
    const table = await lakehouse.table(name);
    const from = table && otherLakeOf(table);
    if (!table || from === null) continue;
    if (!table.location.replace(/\/+$/, '').endsWith(`/${tableFolder(name)}`)) {
      throw new KeystoneError(
        'KS_TABLE_UNSUPPORTED',
        `${name} was written at ${table.location}, which is no place of a lake's table`,
        {
          hint: `A table of a lake lies in <lake>/${tableFolder(name)}: copy its rows into one with the engine that made it.`,
        },
      );
    }
    moved.push({ table, from });
  }
  return moved;
}

/** Where the tables are still to be found, someone may go on writing to them, and two lakes of one log would drift apart. */
async function refuseLivingLake(moved: readonly MovedTable[], to: string): Promise<void> {
  for (const { table, from } of moved) {
    if (isS3Uri(from)) {
      // The old bucket may ask for other rights, or lie at another endpoint; what cannot be looked at is taken to be living.
      throw new KeystoneError(
        'KS_USAGE',
        `${from}, where ${table.name} was written, may still hold a lake: ${to} is a copy of it`,
        {
          hint: 'Give --force to make the copy a lake of its own; let no consumer of the same log run on both.',
          details: { table: table.name, from, to },
        },
      );
    }
    const old = path.join(from, tableFolder(table.name), 'metadata');
    const found = await stat(old).catch(() => null);
    if (!found?.isDirectory()) continue;
    const isSame = !isS3Uri(to) && (await realpath(from)) === (await realpath(to));
    throw new KeystoneError(
      'KS_USAGE',
      isSame
        ? `${from}, where ${table.name} was written, is this very folder under another name`
        : `${from}, where ${table.name} was written, still holds a lake: ${to} is a copy of it`,
      {
        hint: isSame
          ? `Set profiles.<name>.store.path to ${from}. Or --force, if nobody uses that name any more.`
          : 'Give --force to make the copy a lake of its own; let no consumer of the same log run on both.',
        details: { table: table.name, from, to },
      },
    );
  }
}

function refuseMissing(examined: readonly RelocatedTable[]): void {
  const missing = examined.flatMap((one) => one.missing);
  const [first] = missing;
  if (first === undefined) return;
  throw new KeystoneError(
    'KS_TABLE_CORRUPT',
    `${missing.length} files that the tables name did not come along, the first ${first}; nothing was changed`,
    {
      hint: 'Copy the rest of the lake folder too (keystone table relocate --dry-run --json names the files), or give --force to go on without.',
      details: { missing: missing.slice(0, 20) },
    },
  );
}

/**
 * `contract publish`: silver tables for readers who know no Iceberg. Each dataset is exported whole into a folder of its own, then the table
 * that readers ask is pointed there in one step; the export before it stays for queries that are under way, older ones go.
 *
 * Where there is no catalog, the files and `current.json` are all there is.
 */
import type { Contract } from '../contract/contract.js';
import { findContract } from '../contract/find-contract.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { silverTableName } from '../silver/silver-table.js';
import type { ObjectStore } from '../store/object-store.js';
import { randomHexId } from '../table/random-names.js';
import { scanSql } from '../table/scan-sql.js';
import type { Table, TableName } from '../table/table-api.js';
import { type CurrentExport, exportsFolder, readCurrent, writeCurrent } from './current-export.js';
import { exportFiles, type ExportedFiles } from './export-files.js';
import { readerTable } from './reader-table.js';

export interface PublishOptions {
  /** Empty: every dataset that has a silver table. */
  readonly datasets: readonly string[];
  readonly dryRun: boolean;
  /** Also what did not change. */
  readonly force: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface PublishedDataset {
  readonly dataset: string;
  /** `unchanged`: the current export holds the table's newest snapshot already. */
  readonly outcome: 'published' | 'unchanged' | 'would publish';
  readonly rows: number;
  /** Of the export; null in a dry run: what is written is known once it is. */
  readonly files: number | null;
  readonly bytes: number | null;
  /** Of the silver table, which are read for it. */
  readonly sourceFiles: number;
  readonly sourceBytes: number;
  /** URI of the folder; empty in a dry run. */
  readonly location: string;
  /** `<database>.<table>` in the catalog; null where there is none. */
  readonly readerTable: string | null;
  readonly snapshot: string | null;
}

export interface Publication {
  readonly datasets: readonly PublishedDataset[];
  /** False: there are files and `current.json` only. */
  readonly hasCatalog: boolean;
  readonly dryRun: boolean;
}

/** What was not finished in this time will not be. */
const ABANDONED_MS = 3_600_000;

/** @throws KeystoneError KS_NOT_FOUND, KS_CHECK_FAILED for rows without a day, KS_COMMIT_CONFLICT when two publish at once, KS_INTERRUPTED. */
export async function publishDatasets(lakehouse: Lakehouse, options: PublishOptions): Promise<Publication> {
  const contracts = await lakehouse.contracts();
  const named = options.datasets.map((dataset) => findContract(contracts, dataset));
  const wanted = named.length > 0 ? named : [...contracts.values()];
  const known = new Set(await lakehouse.tableNames());
  const datasets: PublishedDataset[] = [];
  for (const [n, contract] of wanted.entries()) {
    const name = silverTableName(contract.dataset);
    stopIfAsked(options.signal, contract.dataset);
    options.progress({ phase: `publish ${contract.dataset}`, done: n, total: wanted.length, unit: 'datasets' });
    const table = known.has(name) ? await lakehouse.table(name) : null;
    if (table === null && named.length > 0) throw noTable(name);
    if (table !== null) datasets.push(await publishOne(lakehouse, contract, table, options));
  }
  return { datasets, hasCatalog: (await lakehouse.readerCatalog()) !== null, dryRun: options.dryRun };
}

async function publishOne(
  lakehouse: Lakehouse,
  contract: Contract,
  table: Table,
  options: PublishOptions,
): Promise<PublishedDataset> {
  const { dataset, hash } = contract;
  const { effects } = lakehouse;
  const [store, readers] = [await lakehouse.store(), await lakehouse.readerCatalog()];
  const [before, there] = [await readCurrent(store, dataset), (await readers?.load(dataset)) ?? null];
  const state = await table.state();
  const scan = await table.scan(state.currentSnapshot === null ? {} : { snapshotId: state.currentSnapshot.id });
  const snapshot = scan.snapshot === null ? null : String(scan.snapshot.id);
  const told = {
    dataset,
    snapshot,
    readerTable: readers === null ? null : `${readers.database}.${dataset}`,
    sourceFiles: scan.files.length,
    sourceBytes: scan.sizeBytes,
  };
  const current = before?.current;
  const isPointed = readers === null || (current !== undefined && there?.location === locationOf(store, current.folder));
  if (!options.force && current?.snapshot === snapshot && current.contract === hash && isPointed) {
    const { rows, files, bytes, folder } = current;
    return { ...told, outcome: 'unchanged', rows, files, bytes, location: locationOf(store, folder) };
  }
  if (options.dryRun) {
    return {
      ...told,
      outcome: 'would publish',
      rows: scan.recordCount,
      files: null,
      bytes: null,
      location: '',
    };
  }
  const folder = `${exportsFolder(dataset)}/${randomHexId(effects.randomBytes)}`;
  const partitionColumn = contract.partition?.column ?? null;
  const written = await inSession(lakehouse, async (session) =>
    exportFiles(
      session,
      { table: table.name, sql: await scanSql(state.fields, scan.files, store), fields: state.fields, partitionColumn },
      { store, folder },
      (done, total) => {
        stopIfAsked(options.signal, dataset);
        options.progress({ phase: `publish ${dataset}`, done, total, unit: 'days' });
      },
    ),
  );
  try {
    if (written.rows !== scan.recordCount) throw miscounted(table.name, written, scan.recordCount);
    const publishedAt = new Date(effects.clock.nowMs()).toISOString();
    const next: CurrentExport = {
      folder,
      previous: current?.folder ?? null,
      snapshot,
      contract: hash,
      rows: written.rows,
      files: written.keys.length,
      bytes: written.bytes,
      publishedAt,
    };
    const location = locationOf(store, folder);
    const asked = readerTable(contract, state.fields, { location, snapshot, publishedAt, years: written.years });
    if (readers !== null && !(await readers.put(asked, there?.token ?? null))) throw conflict(dataset);
    if (!(await writeCurrent(store, dataset, next, before?.etag ?? null)) && readers === null) throw conflict(dataset);
    await removeOld(store, dataset, [folder, current?.folder, there?.location ?? ''], effects.clock.nowMs());
    return { ...told, outcome: 'published', rows: written.rows, files: written.keys.length, bytes: written.bytes, location };
  } catch (error) {
    // Files stay when the table may have come to name them: the answer of the catalog may be what was lost.
    const now = await readers?.load(dataset).catch(() => undefined);
    const isNamed = readers !== null && (now === undefined || now?.location === locationOf(store, folder));
    if (!isNamed) await store.delete(written.keys).catch(() => undefined);
    throw error;
  }
}

async function inSession<T>(
  lakehouse: Lakehouse,
  work: (session: Awaited<ReturnType<Lakehouse['duck']>>) => Promise<T>,
): Promise<T> {
  const session = await lakehouse.duck();
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

const locationOf = (store: ObjectStore, folder: string): string => `${store.uri(folder)}/`;

/** Exports that nobody reads any more, and those that a crash left unfinished; one that is being written is young. */
async function removeOld(
  store: ObjectStore,
  dataset: string,
  kept: readonly (string | undefined)[],
  nowMs: number,
): Promise<void> {
  const base = exportsFolder(dataset);
  for (const name of await store.folders(`${base}/`)) {
    const folder = `${base}/${name}`;
    if (kept.includes(folder) || kept.includes(locationOf(store, folder))) continue;
    const keys: string[] = [];
    let newestMs = 0;
    for await (const { key, modifiedMs } of store.list(`${folder}/`)) {
      keys.push(key);
      newestMs = Math.max(newestMs, modifiedMs);
    }
    if (nowMs - newestMs >= ABANDONED_MS) await store.delete(keys);
  }
}

function stopIfAsked(signal: AbortSignal, dataset: string): void {
  if (!signal.aborted) return;
  throw new KeystoneError('KS_INTERRUPTED', `stopped before ${dataset} was published; readers see what they saw before`, {
    hint: 'keystone contract publish goes on with what is left.',
  });
}

const noTable = (name: TableName): KeystoneError =>
  new KeystoneError('KS_NOT_FOUND', `there is no table ${name} to publish`, {
    hint: 'keystone consume run builds it from the log.',
  });

const conflict = (dataset: string): KeystoneError =>
  new KeystoneError('KS_COMMIT_CONFLICT', `another keystone contract publish of ${dataset} was first`, {
    hint: 'Run it again when it is to hold what came since.',
  });

const miscounted = (name: TableName, written: ExportedFiles, expected: number): KeystoneError =>
  new KeystoneError('KS_INTERNAL', `the export of ${name} holds ${written.rows} rows of ${expected}`);

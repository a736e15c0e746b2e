/**
 * `table register`: tables whose files lie in the lake and which its catalog does not know are entered as they are, under their newest
 * metadata file: a lake that was its own catalog moves to Glue, a copy of a lake gets databases of its own, a table that was dropped from Glue
 * comes back. No file of a table is changed.
 *
 * A folder catalog is closed first, by an empty version above its newest: whoever still commits there is refused, and two catalogs never go on
 * from one state.
 */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import type { ObjectStore } from '../store/object-store.js';
import { tableFolder } from '../table/data-path.js';
import { isOneCommits, metadataNumber } from '../table/metadata-names.js';
import type { TableName } from '../table/table-api.js';
import { currentSnapshot, parseMetadata, type TableMetadata } from '../table/table-metadata.js';

export interface RegisterOptions {
  /** Names or namespaces; empty: every table that is not known. */
  readonly tables: readonly string[];
  readonly dryRun: boolean;
  /** The person has agreed that no other catalog goes on to name these tables. */
  readonly confirmed: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

export interface RegisteredTable {
  readonly table: TableName;
  /** URI of the metadata file it is entered under. */
  readonly metadata: string;
  readonly snapshots: number;
  /** ISO 8601. */
  readonly lastUpdated: string;
}

export interface Registration {
  readonly tables: readonly RegisteredTable[];
  /** Those that the catalog knew already. */
  readonly known: number;
  readonly dryRun: boolean;
}

interface Found {
  readonly table: TableName;
  readonly key: string;
  readonly metadata: TableMetadata;
}

/** @throws KeystoneError KS_USAGE, KS_NOT_FOUND, KS_TABLE_CORRUPT when the newest state of a table cannot be told, KS_INTERRUPTED. */
export async function registerTables(lakehouse: Lakehouse, options: RegisterOptions): Promise<Registration> {
  const catalog = await lakehouse.catalog();
  if (catalog.register === undefined) {
    throw new KeystoneError('KS_USAGE', 'the lake of this profile is its own catalog: its tables need no registering', {
      hint: 'Set catalog.adapter to glue to enter them there.',
    });
  }
  const store = await lakehouse.store();
  const known = new Set(await catalog.tableNames());
  const names = (await tablesInStore(store)).filter(
    (name) => !known.has(name) && (options.tables.length === 0 || options.tables.some((one) => isNamed(name, one))),
  );
  const strange = options.tables.find((one) => ![...names, ...known].some((name) => isNamed(name, one)));
  if (strange !== undefined)
    throw new KeystoneError('KS_NOT_FOUND', `no files of a table ${strange} lie in ${store.uri('')}`, {
      hint: 'keystone table register --dry-run shows the tables that could be entered.',
    });
  const found: Found[] = [];
  for (const [n, name] of names.entries()) {
    step(options, `look at ${name}`, n, names.length);
    found.push(await newestState(store, name));
  }
  if (!options.dryRun && !options.confirmed && found.length > 0) {
    throw new KeystoneError(
      'KS_USAGE',
      `${found.length} tables would be entered into the catalog; no other catalog may go on to name them, or two would go on from one state`,
      { hint: 'The same with --dry-run shows them, with --yes does it.' },
    );
  }
  const entered: Found[] = [];
  for (const [n, one] of found.entries()) {
    step(options, `register ${one.table}`, n, found.length);
    const closed = options.dryRun ? one : await closedState(store, one);
    if (options.dryRun || (await catalog.register(closed.table, store.uri(closed.key)))) entered.push(closed);
  }
  return { tables: entered.map((one) => described(store, one)), known: known.size, dryRun: options.dryRun };
}

const isNamed = (table: TableName, name: string): boolean => table === name || table.startsWith(`${name}.`);

function step({ progress, signal }: RegisterOptions, phase: string, done: number, total: number): void {
  progress({ phase, done, total, unit: 'tables' });
  if (!signal.aborted) return;
  throw new KeystoneError('KS_INTERRUPTED', `stopped before: ${phase}`, {
    hint: 'keystone table register goes on where it stopped.',
  });
}

async function tablesInStore(store: ObjectStore): Promise<readonly TableName[]> {
  const names: TableName[] = [];
  for (const namespace of await store.folders('')) {
    for (const table of await store.folders(`${namespace}/`)) {
      for await (const { key, sizeBytes } of store.list(`${namespace}/${table}/metadata/`)) {
        if (metadataNumber(`/${key}`) === null || sizeBytes === 0) continue;
        names.push(`${namespace}.${table}`);
        break;
      }
    }
  }
  return names;
}

/** The state with the highest number whose snapshot is whole: a commit that was not finished may have left a higher one. */
async function newestState(store: ObjectStore, table: TableName): Promise<Found> {
  const folder = `${tableFolder(table)}/metadata`;
  const files: { readonly key: string; readonly number: number }[] = [];
  for await (const { key, sizeBytes } of store.list(`${folder}/`)) {
    const number = metadataNumber(`/${key}`);
    if (number !== null && sizeBytes > 0) files.push({ key, number });
  }
  for (const number of [...new Set(files.map((file) => file.number))].toSorted((a, b) => b - a)) {
    const whole: Found[] = [];
    for (const { key } of files.filter((file) => file.number === number)) {
      const stored = await store.get(key);
      if (stored === null) continue;
      const metadata = parseMetadata(new TextDecoder().decode(stored.body), store.uri(key));
      if (await isWhole(store, metadata)) whole.push({ table, key, metadata });
    }
    const [first, second] = whole;
    if (first !== undefined && second === undefined) return first;
    if (first !== undefined && second !== undefined) throw ambiguous(store, table, whole);
  }
  throw new KeystoneError('KS_TABLE_CORRUPT', `no metadata file of ${table} in ${store.uri(folder)} names files that are there`, {
    hint: 'Put the files of the table back from a copy of the lake.',
  });
}

/** Whether the current snapshot's manifest list is there; a copy of a lake names it in the old place, where it is not asked for. */
async function isWhole(store: ObjectStore, metadata: TableMetadata): Promise<boolean> {
  const snapshot = currentSnapshot(metadata);
  if (snapshot === null) return true;
  let key: string;
  try {
    key = store.keyOf(snapshot['manifest-list']);
  } catch {
    return true; // keystone table relocate looks through it
  }
  return (await store.get(key)) !== null;
}

const ambiguous = (store: ObjectStore, table: TableName, whole: readonly Found[]): KeystoneError =>
  new KeystoneError(
    'KS_TABLE_CORRUPT',
    `${table} has ${whole.length} newest metadata files, and which of them was current cannot be told from the files`,
    {
      hint: `Move all but one out of the folder (the refused commits): ${whole.map(({ key }) => store.uri(key)).join(', ')}`,
      details: { table },
    },
  );

/** The newest state once no folder catalog can go on from it. */
async function closedState(store: ObjectStore, found: Found): Promise<Found> {
  if (isOneCommits(`/${found.key}`)) return found;
  const number = metadataNumber(`/${found.key}`) ?? 0;
  const above = found.key.replace(/v\d+(?=\.metadata\.json)/, `v${number + 1}`);
  const put = await store.put(above, new Uint8Array(), { kind: 'ifAbsent' });
  if (put.kind === 'stored' || (await store.get(above))?.body.length === 0) return found;
  return closedState(store, await newestState(store, found.table)); // somebody committed meanwhile
}

const described = (store: ObjectStore, { table, key, metadata }: Found): RegisteredTable => ({
  table,
  metadata: store.uri(key),
  snapshots: metadata.snapshots?.length ?? 0,
  lastUpdated: new Date(metadata['last-updated-ms']).toISOString(),
});

/**
 * The catalog of production: a table of AWS Glue names the current metadata file (`metadata_location`), and its VersionId is what a
 * swap compares. The metadata file is written first, under a name of its own (`metadata/<number>-<uuid>.metadata.json`), so writers never
 * touch each other's; Athena, Trino and Spark commit to the same tables in the same way.
 *
 * A change whose answer was lost is told by the table as it is then: a metadata file that is current, or in the log of those that were, has won.
 * Only where that cannot be told either the swap throws, and the file stays.
 */
import { gunzipSync } from 'node:zlib';
import {
  CreateDatabaseCommand,
  CreateTableCommand,
  GetTableCommand,
  type Table as GlueTable,
  UpdateTableCommand,
} from '@aws-sdk/client-glue';
import { KeystoneError } from '../../errors.js';
import type { ObjectStore } from '../../store/object-store.js';
import type { Catalog, CatalogEntry, CatalogToken } from '../catalog.js';
import { tableFolder } from '../data-path.js';
import { randomUuid } from '../random-names.js';
import type { TableName } from '../table-api.js';
import { metadataText, parseMetadata, type TableMetadata } from '../table-metadata.js';
import type { Glue } from './glue-client.js';
import { checkedGlueName, databasesOf, icebergTables } from './glue-names.js';
import { icebergTableInput, isIceberg, METADATA_LOCATION } from './glue-table-input.js';
import { proveVersions } from './glue-versions.js';
import { nextMetadataName, refuseForgottenTable } from '../metadata-names.js';

export interface GlueCatalogOptions {
  readonly glue: Glue;
  readonly store: ObjectStore;
  readonly randomBytes: (length: number) => Uint8Array;
  /** AWS compares VersionIds; what stands in for it must prove it before the first swap. */
  readonly mustProve: boolean;
}

/** What a state of a table is known by: VersionId and metadata file. */
interface Known {
  readonly table: GlueTable;
  readonly entry: CatalogEntry;
}

/** `unknown`: neither can be excluded, and the request may still be under way. */
type Outcome = 'won' | 'lost' | 'unknown';

export function openGlueCatalog({ glue, store, randomBytes, mustProve }: GlueCatalogOptions): Catalog {
  /** The last state seen of each table: a metadata file never changes, so it is read once. */
  const seen = new Map<TableName, Known>();
  let proving: Promise<void> | undefined;

  const getTable = async (name: TableName): Promise<GlueTable | null> => {
    const { database, table } = placeOf(name);
    const found = await glue.send(
      `read the table ${name}`,
      (client) => client.send(new GetTableCommand({ ...glue.catalog, DatabaseName: database, Name: table })),
      ['EntityNotFoundException'],
    );
    return found === 'EntityNotFoundException' ? null : (found.Table ?? null);
  };

  const placeOf = (name: TableName): { readonly database: string; readonly table: string } => {
    const [namespace, table] = checkedGlueName(name);
    return { database: glue.database(namespace), table };
  };

  const newest = async (name: TableName): Promise<Known | null> => {
    let missing: string | undefined;
    for (;;) {
      const table = await getTable(name);
      if (table === null) {
        seen.delete(name);
        return null;
      }
      const location = metadataLocation(name, table);
      const last = seen.get(name);
      const token = tokenOf(name, table, location);
      if (last?.entry.token === token) return last;
      const metadata =
        last?.entry.location === location ? last.entry.metadata : await readMetadata(name, location, table.DatabaseName ?? '');
      if (metadata !== null) {
        const known = { table, entry: { metadata, token, location } };
        seen.set(name, known);
        return known;
      }
      // Overtaken, and let go by who looks after the table: the next look finds a newer one.
      if (missing === location) throw lostMetadata(name, location, table);
      missing = location;
    }
  };

  const readMetadata = async (name: TableName, location: string, database: string): Promise<TableMetadata | null> => {
    const stored = await store.get(keyInLake(store, name, location, database));
    if (stored === null) return null;
    const isGzip = stored.body[0] === 0x1f && stored.body[1] === 0x8b;
    return parseMetadata(new TextDecoder().decode(isGzip ? gunzipSync(stored.body) : stored.body), location);
  };

  /** How a change that was refused, or had no answer, ended: by what the table says now. */
  const outcomeOf = async (name: TableName, base: CatalogEntry | null, ours: string): Promise<Outcome> => {
    const now = await newest(name);
    if (now === null) return base === null ? 'unknown' : 'lost';
    const chain = [...(now.entry.metadata['metadata-log'] ?? []).map((entry) => entry['metadata-file']), now.entry.location];
    if (chain.includes(ours)) return 'won';
    if (base === null) return 'lost'; // the table is another's: ours is refused for good
    if (now.entry.token === base.token) return 'unknown';
    // From our base another went on. A log that does not reach back to it leaves open who did.
    return chain.includes(base.location) ? 'lost' : 'unknown';
  };

  const create = async (name: TableName, metadata: TableMetadata, location: string): Promise<Outcome> => {
    const { database, table } = placeOf(name);
    const TableInput = icebergTableInput(table, metadata, location, null);
    let sent = 0;
    const ask = (): Promise<unknown> =>
      glue.send(
        `create the table ${name}`,
        (client) => {
          sent += 1;
          return client.send(new CreateTableCommand({ ...glue.catalog, DatabaseName: database, TableInput }));
        },
        ['AlreadyExistsException', 'EntityNotFoundException'],
      );
    return settled(name, null, location, async () => {
      let answer = await ask();
      if (answer === 'EntityNotFoundException') {
        await ensureDatabase(database, store.uri(name.slice(0, name.indexOf('.'))));
        answer = await ask();
      }
      if (answer === 'EntityNotFoundException') throw noDatabase(name, database);
      if (answer !== 'AlreadyExistsException') return 'won';
      return sent === 1 ? 'lost' : null;
    });
  };

  const ensureDatabase = async (database: string, location: string): Promise<void> => {
    await glue.send(
      `create the database ${database}`,
      (client) =>
        client.send(
          new CreateDatabaseCommand({
            ...glue.catalog,
            DatabaseInput: { Name: database, Description: 'Tables of a Keystone lake', LocationUri: location },
          }),
        ),
      ['AlreadyExistsException'],
    );
  };

  const update = async (name: TableName, base: Known, metadata: TableMetadata, location: string): Promise<Outcome> => {
    const { database, table } = placeOf(name);
    let sent = 0;
    return settled(name, base.entry, location, async () => {
      const answer = await glue.send(
        `commit to the table ${name}`,
        (client) => {
          sent += 1;
          return client.send(
            new UpdateTableCommand({
              ...glue.catalog,
              DatabaseName: database,
              TableInput: icebergTableInput(table, metadata, location, base.table),
              VersionId: base.table.VersionId,
              SkipArchive: true,
            }),
          );
        },
        ['ConcurrentModificationException', 'VersionMismatchException', 'EntityNotFoundException'],
      );
      if (typeof answer !== 'string') return 'won';
      if (answer === 'EntityNotFoundException') return 'lost';
      // Refused at the first try: nothing of ours can be under way. After a lost answer it may be our own change that we met.
      return sent === 1 ? 'lost' : null;
    });
  };

  /** null from `change`: look at the table. Throws what `change` threw while the outcome is not known. */
  const settled = async (
    name: TableName,
    base: CatalogEntry | null,
    ours: string,
    change: () => Promise<Outcome | null>,
  ): Promise<Outcome> => {
    try {
      return (await change()) ?? (await outcomeOf(name, base, ours));
    } catch (error) {
      const outcome = await outcomeOf(name, base, ours).catch((): Outcome => 'unknown');
      if (outcome === 'unknown') throw error;
      return outcome;
    }
  };

  const swap = async (name: TableName, base: Known | null, metadata: TableMetadata): Promise<boolean> => {
    const folder = `${tableFolder(name)}/metadata`;
    if (base === null) await refuseForgottenTable(store, name, folder, async () => (await newest(name)) !== null);
    else if (mustProve) {
      proving ??= proveVersions(glue, placeOf(name).database, randomBytes);
      await proving.catch((error: unknown) => {
        proving = undefined; // one that could not be tried is tried again
        throw error;
      });
    }
    const key = `${folder}/${nextMetadataName(base?.entry ?? null, randomUuid(randomBytes))}`;
    const written = await store.put(key, new TextEncoder().encode(metadataText(metadata)), { kind: 'ifAbsent' });
    if (written.kind === 'conflict') return false;
    const location = store.uri(key);
    const outcome = await (base === null ? create(name, metadata, location) : update(name, base, metadata, location));
    if (outcome === 'won') {
      // Its VersionId is Glue's to say; the file itself need not be read again.
      seen.set(name, { table: base?.table ?? { Name: undefined }, entry: { metadata, token: '', location } });
      return true;
    }
    if (outcome === 'unknown') throw notKnown(name, location);
    await store.delete([key]).catch(() => undefined); // nobody names it: an orphan at worst
    return false;
  };

  return {
    load: async (name) => (await newest(name))?.entry ?? null,
    swap: async (name, token, metadata) => {
      checkedGlueName(name);
      if (token === null) return swap(name, null, metadata);
      const known = seen.get(name);
      const base = known?.entry.token === token ? known : await newest(name);
      return base?.entry.token === token && swap(name, base, metadata);
    },
    register: async (name, location) => {
      const metadata = await readMetadata(name, location, placeOf(name).database);
      if (metadata === null) throw lostMetadata(name, location, null);
      const outcome = await create(name, metadata, location);
      if (outcome === 'unknown') throw notKnown(name, location);
      return outcome === 'won';
    },
    tableNames: async () => {
      const { inside, outside } = await icebergTables(glue, store);
      const [first] = outside;
      // A lake that looks empty because its place is set wrong must not pass for one that is.
      if (first && inside.length === 0) throw outsideLake(store, first.name, first.location, first.database);
      return inside;
    },
    outside: async () => (await icebergTables(glue, store)).outside,
    proveSwap: async () => {
      const [database] = await databasesOf(glue);
      // A new lake: the probe stands in the database that comes first anyway.
      if (database === undefined) await ensureDatabase(glue.database('bronze'), store.uri('bronze'));
      await proveVersions(glue, database ?? glue.database('bronze'), randomBytes);
    },
  };
}

function tokenOf(name: TableName, table: GlueTable, location: string): CatalogToken {
  if (table.VersionId !== undefined) return `${table.VersionId} ${location}`;
  throw new KeystoneError('KS_CATALOG', `Glue gives no VersionId for ${name}, by which commits are told apart`, {
    hint: 'keystone doctor says whether the catalog does what the lake needs.',
  });
}

function metadataLocation(name: TableName, table: GlueTable): string {
  const location = table.Parameters?.[METADATA_LOCATION];
  if (location !== undefined && isIceberg(table)) return location;
  throw new KeystoneError('KS_TABLE_UNSUPPORTED', `${table.DatabaseName}.${table.Name} in Glue is no Iceberg table`, {
    hint: 'Remove or rename it, or give this lake databases of its own: catalog.glue.databasePrefix.',
    details: { table: name },
  });
}

function keyInLake(store: ObjectStore, name: TableName, location: string, database: string): string {
  try {
    return store.keyOf(location);
  } catch (cause) {
    throw outsideLake(store, name, location, database, cause);
  }
}

const outsideLake = (store: ObjectStore, name: TableName, location: string, database: string, cause?: unknown): KeystoneError =>
  new KeystoneError('KS_STORE', `${name} lies outside the lake: Glue's database ${database} names ${location}`, {
    hint: `The lake is ${store.uri('')}. Give it databases of its own with catalog.glue.databasePrefix, or set store.s3 to where the tables lie.`,
    ...(cause === undefined ? {} : { cause }),
  });

const lostMetadata = (name: TableName, location: string, table: GlueTable | null): KeystoneError =>
  new KeystoneError('KS_TABLE_CORRUPT', `${location} is missing, and Glue names it as the metadata of ${name}`, {
    hint: `Put the file back from a copy of the lake, or point the table's metadata_location at an earlier one, e.g. ${table?.Parameters?.['previous_metadata_location'] ?? 'the newest beside it'} (aws glue update-table); then keystone ledger verify --deep says what is missing.`,
    details: { table: name },
  });

const notKnown = (name: TableName, location: string): KeystoneError =>
  new KeystoneError('KS_CATALOG', `Glue did not say whether the commit to ${name} took place`, {
    hint: 'Run the same command again: what was committed is not committed twice.',
    // By its name a failure that passes: a request of ours is still under way.
    cause: Object.assign(new Error('an earlier try had no answer'), { name: 'TimeoutError' }),
    details: { table: name, metadata: location },
  });

const noDatabase = (name: TableName, database: string): KeystoneError =>
  new KeystoneError(
    'KS_CATALOG',
    `${name} can't be created: Glue has no database ${database}, and one that was made is not there`,
    {
      hint: 'keystone doctor says whether the catalog does what the lake needs.',
    },
  );

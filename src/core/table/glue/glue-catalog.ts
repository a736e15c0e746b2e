/**
 * The catalog of production: a table of AWS Glue names the current metadata file (`metadata_location`), and its VersionId is what a
 * swap compares. The metadata file is written first, under a name of its own (`metadata/<number>-<uuid>.metadata.json`), so writers never
 * touch each other's; Athena, Trino and Spark commit to the same tables in the same way.
 *
 * A change whose answer was lost is told by the table as it is then: a metadata file that is current, or in the log of those that were, has won.
 * Only where that cannot be told either the swap throws, and the file stays.
 */
import { CreateDatabaseCommand, CreateTableCommand, UpdateTableCommand } from '@aws-sdk/client-glue';
import { KeystoneError } from '../../errors.js';
import type { ObjectStore } from '../../store/object-store.js';
import type { Catalog, CatalogEntry } from '../catalog.js';
import { tableFolder } from '../data-path.js';
import { randomUuid } from '../random-names.js';
import type { TableName } from '../table-api.js';
import { metadataText, type TableMetadata } from '../table-metadata.js';
import type { Glue } from './glue-client.js';
import { checkedGlueName, databasesOf, icebergTables } from './glue-names.js';
import { icebergTableInput } from './glue-table-input.js';
import { glueTables, type KnownTable, lostMetadata, outsideLake } from './glue-tables.js';
import { proveVersions } from './glue-versions.js';
import { nextMetadataName, refuseForgottenTable } from '../metadata-names.js';

export interface GlueCatalogOptions {
  readonly glue: Glue;
  readonly store: ObjectStore;
  readonly randomBytes: (length: number) => Uint8Array;
  /** AWS compares VersionIds; what stands in for it must prove it before the first swap. */
  readonly mustProve: boolean;
}

/** `unknown`: neither can be excluded, and the request may still be under way. */
type Outcome = 'won' | 'lost' | 'unknown';

export function openGlueCatalog({ glue, store, randomBytes, mustProve }: GlueCatalogOptions): Catalog {
  const tables = glueTables(glue, store);
  const { placeOf, newest } = tables;
  let proving: Promise<void> | undefined;

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

  const update = async (name: TableName, base: KnownTable, metadata: TableMetadata, location: string): Promise<Outcome> => {
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

  const swap = async (name: TableName, base: KnownTable | null, metadata: TableMetadata): Promise<boolean> => {
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
      tables.remember(name, { table: base?.table ?? { Name: undefined }, entry: { metadata, token: '', location } });
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
      const known = tables.lastSeen(name);
      const base = known?.entry.token === token ? known : await newest(name);
      return base?.entry.token === token && swap(name, base, metadata);
    },
    register: async (name, location) => {
      const metadata = await tables.metadataAt(name, location);
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

/** The tables that Glue names, as they are now: the entry of each, and the metadata file that it points to. */
import { gunzipSync } from 'node:zlib';
import { GetTableCommand, type Table as GlueTable } from '@aws-sdk/client-glue';
import { KeystoneError } from '../../errors.js';
import type { ObjectStore } from '../../store/object-store.js';
import type { CatalogEntry, CatalogToken } from '../catalog.js';
import type { TableName } from '../table-api.js';
import { parseMetadata, type TableMetadata } from '../table-metadata.js';
import type { Glue } from './glue-client.js';
import { checkedGlueName } from './glue-names.js';
import { isIceberg, METADATA_LOCATION } from './glue-table-input.js';

/** What a state of a table is known by: VersionId and metadata file. */
export interface KnownTable {
  readonly table: GlueTable;
  readonly entry: CatalogEntry;
}

export interface GlueTables {
  /** KS_NOT_FOUND for a name that Glue cannot hold. */
  placeOf(name: TableName): { readonly database: string; readonly table: string };
  /** Null when there is none. @throws KeystoneError KS_TABLE_CORRUPT, KS_TABLE_UNSUPPORTED, KS_STORE for one outside of the lake. */
  newest(name: TableName): Promise<KnownTable | null>;
  /** Of `newest` or `remember`, without asking. */
  lastSeen(name: TableName): KnownTable | undefined;
  remember(name: TableName, known: KnownTable): void;
  /** Null when there is no such file. */
  metadataAt(name: TableName, location: string): Promise<TableMetadata | null>;
}

export function glueTables(glue: Glue, store: ObjectStore): GlueTables {
  /** The last state seen of each table: a metadata file never changes, so it is read once. */
  const seen = new Map<TableName, KnownTable>();

  const placeOf = (name: TableName): { readonly database: string; readonly table: string } => {
    const [namespace, table] = checkedGlueName(name);
    return { database: glue.database(namespace), table };
  };

  const getTable = async (name: TableName): Promise<GlueTable | null> => {
    const { database, table } = placeOf(name);
    const found = await glue.send(
      `read the table ${name}`,
      (client) => client.send(new GetTableCommand({ ...glue.catalog, DatabaseName: database, Name: table })),
      ['EntityNotFoundException'],
    );
    return found === 'EntityNotFoundException' ? null : (found.Table ?? null);
  };

  const metadataAt = async (name: TableName, location: string): Promise<TableMetadata | null> => {
    const stored = await store.get(keyInLake(store, name, location, placeOf(name).database));
    if (stored === null) return null;
    const isGzip = stored.body[0] === 0x1f && stored.body[1] === 0x8b;
    return parseMetadata(new TextDecoder().decode(isGzip ? gunzipSync(stored.body) : stored.body), location);
  };

  const newest = async (name: TableName): Promise<KnownTable | null> => {
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
      const metadata = last?.entry.location === location ? last.entry.metadata : await metadataAt(name, location);
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

  return {
    placeOf,
    newest,
    lastSeen: (name) => seen.get(name),
    remember: (name, known) => void seen.set(name, known),
    metadataAt,
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

/** A table of this lake's databases whose metadata lies elsewhere. */
export const outsideLake = (
  store: ObjectStore,
  name: TableName,
  location: string,
  database: string,
  cause?: unknown,
): KeystoneError =>
  new KeystoneError('KS_STORE', `${name} lies outside the lake: Glue's database ${database} names ${location}`, {
    hint: `The lake is ${store.uri('')}. Give it databases of its own with catalog.glue.databasePrefix, or set store.s3 to where the tables lie.`,
    ...(cause === undefined ? {} : { cause }),
  });

/** Glue names a metadata file that is not there; `table`: Glue's entry, null where there is none yet. */
export const lostMetadata = (name: TableName, location: string, table: GlueTable | null): KeystoneError =>
  new KeystoneError('KS_TABLE_CORRUPT', `${location} is missing, and Glue names it as the metadata of ${name}`, {
    hint: `Put the file back from a copy of the lake, or point the table's metadata_location at an earlier one, e.g. ${table?.Parameters?.['previous_metadata_location'] ?? 'the newest beside it'} (aws glue update-table); then keystone ledger verify --deep says what is missing.`,
    details: { table: name },
  });

/** Names of metadata files that belong to one commit each: `<number>-<uuid>.metadata.json`, as Iceberg's own catalogs write them. */
import { KeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import type { CatalogEntry } from './catalog.js';
import type { TableName } from './table-api.js';

const METADATA_FILE = /\/(?:v(\d+)|(\d+)-[^/]*)\.metadata\.json(?:\.gz)?$/;

/** Whether the name is one commit's own, so that nobody can come to make it again. */
export const isOneCommits = (uri: string): boolean => METADATA_FILE.exec(uri)?.[2] !== undefined;

/** The number of a metadata file: of ours, of other engines', and of a folder catalog's (`v7.metadata.json`); null when it has none. */
export function metadataNumber(uri: string): number | null {
  const [, version, number] = METADATA_FILE.exec(uri) ?? [];
  const text = version ?? number;
  return text === undefined ? null : Number(text);
}

/** Higher than the base's: what is numbered up to the current one can never become current any more. */
export function nextMetadataName(base: CatalogEntry | null, uuid: string): string {
  const number = base === null ? 0 : (metadataNumber(base.location) ?? base.metadata['metadata-log']?.length ?? 0) + 1;
  return `${String(number).padStart(5, '0')}-${uuid}.metadata.json`;
}

/**
 * A table that is to be created although metadata of a later state lies in its folder was forgotten by the catalog, or made under
 * another one: begun anew it would take the place of what is there. Throws KS_CATALOG; `isThere` asks the catalog again, for another creator may be
 * first. Beginnings (number 0) that nobody finished do not count.
 */
export async function refuseForgottenTable(
  store: ObjectStore,
  name: TableName,
  folder: string,
  isThere: () => Promise<boolean>,
): Promise<void> {
  let latest: string | undefined;
  for await (const { key, sizeBytes } of store.list(`${folder}/`)) {
    const number = metadataNumber(`/${key}`);
    if (number === null || number === 0 || sizeBytes === 0) continue;
    if (latest === undefined || number > (metadataNumber(`/${latest}`) ?? 0)) latest = key;
  }
  if (latest === undefined || (await isThere())) return;
  throw new KeystoneError('KS_CATALOG', `Glue has no table ${name}, but ${store.uri(latest)} says that there was one`, {
    hint: 'Enter the tables of this lake into Glue as they are: keystone table register --dry-run. To begin anew, choose another store.s3.prefix, or remove the files of the table.',
    details: { table: name, metadata: store.uri(latest) },
  });
}

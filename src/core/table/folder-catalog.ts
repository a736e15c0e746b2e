/**
 * The catalog of a folder (what other engines call a Hadoop catalog): `metadata/v<N>.metadata.json` is created only if absent,
 * and the highest N is current. `version-hint.text` saves a listing; it is written after the version it names, so it may lag (newer
 * versions are always looked for) and never leads: a version that it names and that is not there was lost.
 *
 * Old versions are never deleted: a committer that far behind could create its number anew and fork the table. They may be emptied
 * (`care/empty-old-versions.ts`), so nobody goes forward from an old version file by file: the hint leads past them.
 */
import { KeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';
import type { Catalog, CatalogEntry } from './catalog.js';
import { tableFolder } from './data-path.js';
import type { TableName } from './table-api.js';
import { metadataText, parseMetadata } from './table-metadata.js';

interface Version {
  readonly number: number;
  readonly entry: CatalogEntry;
}

export function openFolderCatalog(store: ObjectStore): Catalog {
  /** The last version seen of each table: a version never changes, so only newer ones need a look. */
  const seen = new Map<TableName, Version>();
  const versionKey = (name: TableName, number: number): string => `${folderOf(name)}/v${number}.metadata.json`;
  const hintKey = (name: TableName): string => `${folderOf(name)}/version-hint.text`;

  /** `emptied`: an old version that is there by its name only. */
  const readVersion = async (name: TableName, number: number): Promise<Version | 'emptied' | null> => {
    const key = versionKey(name, number);
    const stored = await store.get(key);
    if (!stored) return null;
    if (stored.body.length === 0) return 'emptied';
    const location = store.uri(key);
    return {
      number,
      entry: { metadata: parseMetadata(new TextDecoder().decode(stored.body), location), token: String(number), location },
    };
  };

  const highestListed = async (name: TableName): Promise<number> => {
    let highest = 0;
    for await (const { key } of store.list(`${folderOf(name)}/v`)) highest = Math.max(highest, versionOfKey(key));
    return highest;
  };

  /** 0 for a hint that is absent or no version number. */
  const readHint = async (name: TableName): Promise<number> => {
    const hint = Number(new TextDecoder().decode((await store.get(hintKey(name)))?.body ?? new Uint8Array()).trim());
    return Number.isSafeInteger(hint) && hint >= 1 ? hint : 0;
  };

  /** Where to begin: the last version seen, or the hint's, or the highest listed (a hint may be absent or wrong). */
  const startVersion = async (name: TableName, hint: number): Promise<Version | null> => {
    const last = seen.get(name);
    // No hint although we saw the table: somebody removed its folder, and perhaps made it anew.
    if (last && hint >= 1 && hint <= last.number) return last;
    const hinted = hint >= 1 ? await readVersion(name, hint) : null;
    return hinted === null || hinted === 'emptied' ? highestVersion(name) : hinted;
  };

  const highestVersion = async (name: TableName): Promise<Version | null> => {
    const highest = await highestListed(name);
    const version = highest === 0 ? null : await readVersion(name, highest);
    if (version !== 'emptied') return version;
    throw new KeystoneError(
      'KS_TABLE_CORRUPT',
      `${store.uri(versionKey(name, highest))} is empty, and ${name} has no newer version`,
      {
        hint: 'Put the newest metadata files of the table back from a copy of the lake: versions are emptied only when they are old. A table that was registered in Glue goes on there: catalog.adapter: glue.',
        details: { table: name, version: highest },
      },
    );
  };

  const newest = async (name: TableName): Promise<Version | null> => {
    const hint = await readHint(name);
    const version = await newestFound(name, hint);
    // Read again: a table that was removed and made anew meanwhile has lost nothing.
    if ((version?.number ?? 0) < hint && (await readHint(name)) === hint) throw lostVersion(name, hint, version?.number ?? 0);
    if (version) seen.set(name, version);
    else seen.delete(name);
    return version;
  };

  const lostVersion = (name: TableName, hint: number, found: number): KeystoneError =>
    new KeystoneError(
      'KS_TABLE_CORRUPT',
      `${store.uri(versionKey(name, hint))} is missing: ${name} was at version ${hint}, the newest that is there is ${found === 0 ? 'none' : found}`,
      {
        hint:
          found === 0
            ? `Put the metadata files back from a copy of the lake, or remove ${store.uri(tableFolder(name))} to begin the table anew.`
            : `Put the file back from a copy of the lake. To go on from the earlier state instead, write ${found} into ${store.uri(hintKey(name))}, then keystone ledger verify --deep says what is missing.`,
        details: { table: name, version: hint, newestFound: found },
      },
    );

  const newestFound = async (name: TableName, hint: number): Promise<Version | null> => {
    let version = await startVersion(name, hint);
    while (version) {
      const next = await readVersion(name, version.number + 1);
      if (next === null) break;
      // We slept while others committed, or the hint could not be written for long.
      version = next === 'emptied' ? await highestVersion(name) : next;
    }
    return version;
  };

  /** Other engines trust the hint, so one that was overtaken while it was written is written again. */
  const writeHint = async (name: TableName, number: number): Promise<void> => {
    try {
      for (let newest = number; ; newest++) {
        await store.put(hintKey(name), new TextEncoder().encode(String(newest)));
        if (!(await store.get(versionKey(name, newest + 1)))) return;
      }
    } catch {
      // Only a hint: the commit has happened, so a full disk here must not report it as failed.
    }
  };

  return {
    load: async (name) => (await newest(name))?.entry ?? null,
    swap: async (name, token, metadata) => {
      const number = Number(token ?? 0) + 1;
      const body = new TextEncoder().encode(metadataText(metadata));
      const outcome = await store.put(versionKey(name, number), body, { kind: 'ifAbsent' });
      // A remote store may have stored our own bytes and lost the answer; a repeat then meets them.
      if (outcome.kind === 'conflict' && !sameBytes((await store.get(versionKey(name, number)))?.body, body)) return false;
      const location = store.uri(versionKey(name, number));
      seen.set(name, { number, entry: { metadata, token: String(number), location } });
      await writeHint(name, number);
      return true;
    },
    tableNames: async () => {
      const names: TableName[] = [];
      for (const namespace of await store.folders('')) {
        for (const table of await store.folders(`${namespace}/`)) {
          const name: TableName = `${namespace}.${table}`;
          if (!NAME.test(name)) continue;
          // A table has versions; one is enough, so the listing ends at the first.
          for await (const { key } of store.list(`${folderOf(name)}/v`)) {
            if (versionOfKey(key) === 0) continue;
            names.push(name);
            break;
          }
        }
      }
      return names.toSorted();
    },
  };
}

const NAME = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const folderOf = (name: TableName): string => `${tableFolder(checkedName(name))}/metadata`;

const versionOfKey = (key: string): number => Number(/\/v(\d+)\.metadata\.json$/.exec(key)?.[1] ?? 0);

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array): boolean => a !== undefined && Buffer.compare(a, b) === 0;

function checkedName(name: TableName): TableName {
  if (NAME.test(name)) return name;
  throw new KeystoneError('KS_NOT_FOUND', `"${name}" is no table name`, {
    hint: 'A table is named <namespace>.<name>, e.g. silver.orders: keystone table list shows all.',
  });
}

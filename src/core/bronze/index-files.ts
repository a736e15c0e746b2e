/** Where the files of bronze's id index lie, and how they are written and read (`id-index.ts` says what they hold). */
import type { ObjectStore } from '../store/object-store.js';
import { decodeIdIndex, encodeIdIndex, type FileFilter } from './id-index.js';

/** All index files lie right below it. */
const ID_INDEX_FOLDER = 'bronze/events/index/';
const EXTENSION = '.ksix';

/** A file as landing names it: `<topic>-<partition>-<firstOffset>-<lastOffset>-<commit id>.parquet`. */
const LANDED = /-\d+-\d+-\d+-([0-9a-f]{16,})\.parquet$/;

/** Name of a data file without folders, as the index names it. */
export const dataFileName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/**
 * Key of the index file that holds a data file's filter: by the name alone, so nothing needs to be looked up. Data files that one
 * commit landed share one; any other data file (merged ones) has its own.
 */
export function idIndexKey(dataFile: string): string {
  const name = dataFileName(dataFile);
  return `${ID_INDEX_FOLDER}${LANDED.exec(name)?.[1] ?? name.replace(/\.parquet$/, '')}${EXTENSION}`;
}

/** True for the key of an index file: one that is the `idIndexKey` of no data file of a kept snapshot is an orphan. */
export const isIdIndexKey = (key: string): boolean => key.startsWith(ID_INDEX_FOLDER) && key.endsWith(EXTENSION);

/** Writes the filters of data files that share one `idIndexKey`, in one durable put. */
export async function putIdIndex(store: ObjectStore, key: string, filters: readonly FileFilter[]): Promise<void> {
  await store.put(key, encodeIdIndex(filters));
}

/** Filters by data file name; null when the index file is missing, damaged or cannot be read. */
export async function readIdIndex(store: ObjectStore, key: string): Promise<ReadonlyMap<string, FileFilter> | null> {
  const stored = await store.get(key).catch(() => null);
  const filters = stored && decodeIdIndex(stored.body);
  return filters && new Map(filters.map((filter) => [filter.name, filter]));
}

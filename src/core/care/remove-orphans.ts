/**
 * Removes what crashes and refused commits left below a table's folder: files that no kept snapshot names. A file that is being
 * written is named by nobody either, so only old ones go. Names are gathered after the files were listed, hence one that was
 * committed meanwhile is known.
 */
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import { isIdIndexKey } from '../bronze/index-files.js';
import { tableFolder } from '../table/data-path.js';
import { otherLakeOf } from '../table/moved-lake.js';
import type { Table, TableName } from '../table/table-api.js';
import { deleteFiles } from './delete-files.js';
import { indexKeysOf, namesInUse, namesOf } from './named-files.js';

/** No commit takes as long as this from its first file to its swap. */
export const LEAST_ORPHAN_AGE_MS = 3_600_000;

export interface RemovedOrphans {
  readonly table: TableName;
  readonly files: number;
  readonly bytes: number;
  /** Files below the table's folder that were looked at. */
  readonly examined: number;
  /** The first of them, at most ten. */
  readonly examples: readonly string[];
}

interface OldFile {
  readonly key: string;
  readonly sizeBytes: number;
}

const EXAMPLES = 10;

/**
 * `olderThanMs`: age of the files, at least an hour. Throws KS_STORE for a lake that was moved, KS_TABLE_CORRUPT when what a kept
 * snapshot names can't be read: then nothing is removed.
 */
export async function removeOrphans(
  table: Table,
  olderThanMs: number,
  effects: { readonly clock: Clock },
  options: { readonly dryRun?: boolean } = {},
): Promise<RemovedOrphans> {
  const { store, name } = table;
  const other = otherLakeOf(table);
  if (other !== null) {
    // Every name would point elsewhere, and every file here would look like nobody's.
    throw new KeystoneError('KS_STORE', `${name} was written in ${other} and names its files there`, {
      hint: 'keystone table relocate --dry-run',
    });
  }
  const before = effects.clock.nowMs() - Math.max(LEAST_ORPHAN_AGE_MS, olderThanMs);
  const old: OldFile[] = [];
  let examined = 0;
  for (const part of ['data', 'metadata', 'index']) {
    for await (const { key, sizeBytes, modifiedMs } of store.list(`${tableFolder(name)}/${part}/`)) {
      examined += 1;
      if (modifiedMs < before && !isVersion(key)) old.push({ key, sizeBytes });
    }
  }
  const inUse = await namesInUse(store, (await table.metadata()).metadata);
  const indexes = indexKeysOf(name, inUse);
  const orphans = old.filter(({ key }) =>
    isIdIndexKey(key) ? !indexes.has(key) : namesOf(key).every((fileName) => !inUse.has(fileName)),
  );
  if (!options.dryRun)
    await deleteFiles(
      store,
      orphans.map(({ key }) => key),
    );
  return {
    table: name,
    files: orphans.length,
    bytes: orphans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    examined,
    examples: orphans.slice(0, EXAMPLES).map(({ key }) => key),
  };
}

/** Versions of the metadata, ours and other engines', and the hint: which of them is current is the catalog's to say. */
const isVersion = (key: string): boolean => /\/metadata\/(?:[^/]*\.metadata\.json(?:\.gz)?|version-hint\.text)$/.test(key);

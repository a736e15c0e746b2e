/**
 * The object store of a machine without services: a local folder.
 *
 * An object is a file. It is written beside the tree (`.keystone-staging`), flushed, and then given its name by a hard link
 * (`ifAbsent`: fails when the name exists) or a rename, both atomic. `ifMatch` and overwriting take a per-key lock that
 * survives kill -9 (`folder-lock.ts`). An etag is the file's modification time, size and inode; an overwrite always gets a
 * later modification time than what it replaces, so an etag never comes back.
 *
 * What is absent counts as absent only while the folder is the one that was opened: a lake that was moved away would look like an
 * empty one, and be made anew by whoever writes next.
 */
import { createHash, randomUUID } from 'node:crypto';
import { type BigIntStats, type Dirent } from 'node:fs';
import { copyFile, link, open, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import { folderSyncer, makeFolderDurably, syncPath, writeDurably } from './durable-file.js';
import { folderError, systemErrorCode } from './folder-error.js';
import { withFolderLock } from './folder-lock.js';
import { makeFolder } from './make-folder.js';
import { RESERVED_SEGMENT, checkedKey, compareKeys } from './object-key.js';
import { openStagingFolder } from './staging-folder.js';
import type { ObjectInfo, ObjectStore, PutOutcome, StoredObject } from './object-store.js';

/** Opens the store at `rootPath`, which is created when absent. Throws KS_STORE when it can't be. */
export async function openFolderStore(rootPath: string): Promise<ObjectStore> {
  const root = path.resolve(rootPath);
  const staging = path.join(root, RESERVED_SEGMENT);
  const fileOf = (key: string): string => path.join(root, checkedKey(key));
  const syncFolder = folderSyncer();
  let opened: Promise<string> | undefined;
  await makeFolder(staging).catch((error: unknown) => {
    throw folderError('open the lake folder', root, error);
  });
  const identity = await identityOf(root);
  const stillThere = async (): Promise<void> => {
    if ((await identityOf(root)) === identity) return;
    throw new KeystoneError('KS_STORE', `The lake ${root} is not there any more`, {
      hint: 'Bring it back, or name another one with store.path; keystone doctor looks at it.',
    });
  };
  /** This process's staging folder, made on the first write. */
  const stagingDir = async (): Promise<string> => {
    await stillThere();
    return (opened ??= openStagingFolder(staging));
  };

  /** Gives a finished file its name; the folder may be missing. */
  const name = async (act: () => Promise<void>, file: string): Promise<void> => {
    try {
      await act();
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      await stillThere();
      await makeFolderDurably(path.dirname(file), syncFolder);
      await act();
    }
    await syncFolder(path.dirname(file));
  };

  const putAbsent = async (file: string, finished: string): Promise<PutOutcome> => {
    try {
      await name(() => link(finished, file), file);
    } catch (error) {
      if (systemErrorCode(error) === 'EEXIST') return { kind: 'conflict' };
      throw error;
    }
    return { kind: 'stored', etag: await etagOfPath(file) };
  };

  const replace = async (file: string, finished: string, expectedEtag: string | undefined): Promise<PutOutcome> => {
    const lock = path.join(staging, 'locks', createHash('sha256').update(file).digest('hex').slice(0, 32));
    return withFolderLock(lock, async () => {
      const before = await statOf(file);
      if (expectedEtag !== undefined && (before === null || etagOf(before) !== expectedEtag)) return { kind: 'conflict' };
      const after = await stat(finished, { bigint: true });
      if (before !== null && after.mtimeNs <= before.mtimeNs) {
        const laterS = Number(before.mtimeNs / 1_000_000n + 1n) / 1000;
        await utimes(finished, laterS, laterS);
      }
      const etag = etagOf(await stat(finished, { bigint: true }));
      await name(() => rename(finished, file), file);
      return { kind: 'stored', etag };
    });
  };

  return {
    uri: (key) => (key === '' ? root : fileOf(key)),
    keyOf: (uri) => {
      const file = uri.startsWith('file:') ? decodeURI(uri.replace(/^file:(\/\/)?/, '')) : uri;
      if (!file.startsWith(`${root}/`)) {
        throw new KeystoneError('KS_STORE', `${uri} lies outside the lake folder ${root}`, {
          hint: 'Table metadata holds absolute paths: when the lake folder was moved, keystone table relocate makes it readable where it lies now.',
        });
      }
      return checkedKey(file.slice(root.length + 1));
    },
    put: async (key, body, condition) => {
      const file = fileOf(key);
      let finished: string | undefined;
      try {
        finished = path.join(await stagingDir(), randomUUID());
        await writeDurably(finished, body);
        if (condition?.kind === 'ifAbsent') return await putAbsent(file, finished);
        return await replace(file, finished, condition?.etag);
      } catch (error) {
        throw folderError('write', file, error);
      } finally {
        if (finished !== undefined) await rm(finished, { force: true });
      }
    },
    putFile: async (key, localPath) => {
      const file = fileOf(key);
      try {
        await syncPath(localPath);
        await name(() => renameAcross(localPath, file, stagingDir), file);
      } catch (error) {
        throw folderError('take in', file, error);
      }
    },
    get: async (key) => {
      const file = fileOf(key);
      try {
        const found = await readWhole(file);
        if (found === null) await stillThere();
        return found;
      } catch (error) {
        throw folderError('read', file, error);
      }
    },
    list: async function* (prefix) {
      await stillThere();
      yield* listFolder(root, prefix);
    },
    folders: async (prefix) => {
      await stillThere();
      const entries = await entriesOf(prefix === '' ? root : fileOf(prefix.replace(/\/$/, '')));
      return entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith(RESERVED_SEGMENT))
        .map(({ name: folder }) => folder)
        .toSorted(compareKeys);
    },
    delete: async (keys) => {
      const folders = new Set<string>();
      for (const file of keys.map(fileOf)) {
        try {
          await unlink(file);
          folders.add(path.dirname(file));
        } catch (error) {
          if (systemErrorCode(error) !== 'ENOENT') throw folderError('delete', file, error);
        }
      }
      await Promise.all(
        [...folders].map((folder) =>
          syncFolder(folder).catch((error: unknown) => {
            throw folderError('delete in', folder, error);
          }),
        ),
      );
    },
    localPath: async (key) => fileOf(key),
    stagingDir: async () => {
      try {
        return await stagingDir();
      } catch (error) {
        throw folderError('make a folder in', staging, error);
      }
    },
  };
}

/** A rename, or for a file of another volume a flushed copy in the staging folder that is then renamed. */
async function renameAcross(from: string, to: string, stagingDir: () => Promise<string>): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemErrorCode(error) !== 'EXDEV') throw error;
    const copied = path.join(await stagingDir(), randomUUID());
    try {
      await copyFile(from, copied);
      await syncPath(copied);
      await rename(copied, to);
    } finally {
      await rm(copied, { force: true });
    }
    await rm(from, { force: true });
  }
}

/** null: nothing is there. */
const identityOf = async (folder: string): Promise<string | null> => {
  const found = await statOf(folder);
  return found && `${found.dev}/${found.ino}`;
};

const etagOf = (stats: BigIntStats): string => `${stats.mtimeNs}-${stats.size}-${stats.ino}`;
const etagOfPath = async (file: string): Promise<string> => etagOf(await stat(file, { bigint: true }));

const statOf = async (file: string): Promise<BigIntStats | null> =>
  stat(file, { bigint: true }).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  });

/** Body and etag of the same file, even when the name moves to another one meanwhile. */
async function readWhole(file: string): Promise<StoredObject | null> {
  try {
    const handle = await open(file, 'r');
    try {
      const stats = await handle.stat({ bigint: true });
      return { body: await handle.readFile(), etag: etagOf(stats) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    // A folder, or a name below a file, is no object either.
    if (['ENOENT', 'EISDIR', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return null;
    throw error;
  }
}

/** Files below `root` whose key begins with `prefix`, ordered by key; folders are walked one at a time, so memory stays small. */
async function* listFolder(root: string, prefix: string): AsyncIterable<ObjectInfo> {
  const base = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  if (base !== '') checkedKey(base.slice(0, -1));
  async function* walk(folderKey: string): AsyncIterable<ObjectInfo> {
    const entries = await entriesOf(path.join(root, folderKey));
    // A folder sorts as `name/`, because that is how the keys below it begin.
    const sorted = entries
      .filter((entry) => !entry.name.startsWith(RESERVED_SEGMENT))
      .map((entry) => ({ key: `${folderKey}${entry.name}${entry.isDirectory() ? '/' : ''}`, isFolder: entry.isDirectory() }))
      .toSorted((a, b) => compareKeys(a.key, b.key));
    for (const { key, isFolder } of sorted) {
      if (isFolder) {
        if (key.startsWith(prefix) || prefix.startsWith(key)) yield* walk(key);
      } else if (key.startsWith(prefix)) {
        const stats = await statOf(path.join(root, key));
        if (stats) yield { key, sizeBytes: Number(stats.size), modifiedMs: Number(stats.mtimeMs), etag: etagOf(stats) };
      }
    }
  }
  yield* walk(base);
}

async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw folderError('list', folder, error);
  }
}

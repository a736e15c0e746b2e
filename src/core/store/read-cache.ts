/**
 * Local copies of a remote store's objects, for engines that read files; shared by all processes of a machine.
 *
 * `objects/` holds one file for each version of a key (named by a hash of place, key and etag, so a copy is never out of date), and each
 * process that reads one holds a hard link to it below `in-use/<process>/`, at a path that ends in the key. Removing the shared name
 * takes nothing from whoever holds a link, and a link count above one says that somebody does: so no locks, and no process can
 * take a file from under another. The links of processes that have ended go when the next one begins.
 */
import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, rename, rm, stat, unlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '../clock.js';
import { KeystoneError, isKeystoneError, messageOf } from '../errors.js';
import { syncPath } from './durable-file.js';
import { isFileFailure, systemErrorCode } from './folder-error.js';
import { makeFolder } from './make-folder.js';
import { openStagingFolder } from './staging-folder.js';

export interface CacheOptions {
  readonly folder: string;
  /** What is in use counts, and yet is never removed: then the bound is exceeded. */
  readonly maxBytes: number;
  /** Tells the objects of several buckets apart. */
  readonly place: string;
  readonly clock: Clock;
}

export interface ObjectVersion {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

export interface ReadCache {
  /** Path of a copy; `fill` writes the bytes to the path it is given when there is none yet. Callers of one version share one copy. */
  copyOf(version: ObjectVersion, fill: (file: string) => Promise<void>): Promise<string>;
  /** Moves a finished file of the staging folder in as the copy of `version`; one of another volume is left where it is. */
  adopt(version: ObjectVersion, file: string): Promise<void>;
  /** A path where no file is, and which names the key. */
  missing(key: string): string;
  /** A folder of this process on the volume of the copies. */
  stagingDir(): Promise<string>;
  /** Lets go of everything that this cache gave out. */
  close(): Promise<void>;
}

/** A link that nobody asked for in this long is read by no query any more, and may be dropped for want of room. */
const IDLE_MS = 15 * 60_000;
/** Share of the bound that may be added before the folder is looked through again. */
const LOOK_SHARE = 0.05;

interface HeldLink {
  readonly file: string;
  askedMs: number;
}

export async function openReadCache({ folder, maxBytes, place, clock }: CacheOptions): Promise<ReadCache> {
  const objects = path.join(folder, 'objects');
  let staging: Promise<string> | undefined;
  const stagingDir = (): Promise<string> => (staging ??= openStagingFolder(path.join(folder, 'staging')));
  const own = await failing(folder, async () => {
    await makeFolder(objects);
    return path.join(await openStagingFolder(path.join(folder, 'in-use')), randomUUID());
  });
  /** By the name of the copy. */
  const held = new Map<string, HeldLink>();
  const coming = new Map<string, Promise<string>>();
  /** Unknown until the folder was looked through. */
  let addedBytes = Number.POSITIVE_INFINITY;
  let making = Promise.resolve();

  const nameOf = ({ key, etag, sizeBytes }: ObjectVersion): string =>
    `${createHash('sha256').update(`${place}\n${key}\n${etag}`).digest('hex').slice(0, 40)}-${sizeBytes}`;

  /** This process's link to a copy; null when there is no copy of the right size. */
  const hold = async (name: string, version: ObjectVersion): Promise<string | null> => {
    const copy = path.join(objects, name);
    const file = path.join(own, name.slice(0, 16), version.key);
    try {
      await mkdir(path.dirname(file), { recursive: true });
      await link(copy, file).catch((error: unknown) => {
        if (systemErrorCode(error) !== 'EEXIST') throw error;
      });
      const { size, mtimeMs } = await stat(file);
      if (size !== version.sizeBytes) {
        // Cut short by a crash of the machine.
        await Promise.all([rm(copy, { force: true }), rm(file, { force: true })]);
        return null;
      }
      held.set(name, { file, askedMs: clock.nowMs() });
      // The time of access says which copy was used last; the engine knows a file by its time of change.
      await utimes(file, clock.nowMs() / 1000, mtimeMs / 1000);
      return file;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return null;
      throw error;
    }
  };

  /** Takes a finished file in under its name. */
  const take = async (name: string, finished: string): Promise<void> => {
    const { size } = await stat(finished);
    const nowS = Math.floor(clock.nowMs() / 1000);
    await utimes(finished, nowS, nowS);
    await syncPath(finished);
    await rename(finished, path.join(objects, name));
    addedBytes += size;
  };

  /** When enough was added since the last look: removes copies until the bound holds, the least recently used first, none that a process reads. */
  const makeRoom = (): Promise<void> => {
    if (addedBytes <= maxBytes * LOOK_SHARE) return making;
    addedBytes = 0;
    making = making.then(async () => {
      const copies = await Promise.all(
        (await readdir(objects)).map(async (name) => {
          const stats = await stat(path.join(objects, name)).catch(() => null);
          return stats && { name, sizeBytes: stats.size, usedMs: stats.atimeMs };
        }),
      );
      const there = copies.filter((copy) => copy !== null).toSorted((a, b) => a.usedMs - b.usedMs);
      let excess = there.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - maxBytes;
      for (const { name, sizeBytes } of there) {
        if (excess <= 0) break;
        if (await removeUnused(name)) excess -= sizeBytes;
      }
    });
    return making;
  };

  const removeUnused = async (name: string): Promise<boolean> => {
    const copy = path.join(objects, name);
    const link = held.get(name);
    if (link !== undefined && clock.nowMs() - link.askedMs >= IDLE_MS) {
      held.delete(name);
      await rm(link.file, { force: true });
    }
    const stats = await stat(copy).catch(() => null);
    if (stats === null) return true;
    if (stats.nlink > 1) return false;
    await unlink(copy).catch(() => undefined); // another process was first
    return true;
  };

  const fetched = async (name: string, version: ObjectVersion, fill: (file: string) => Promise<void>): Promise<string> => {
    for (;;) {
      const there = await hold(name, version);
      if (there !== null) {
        await makeRoom(); // only now, or it could take what has just come
        return there;
      }
      const finished = path.join(await stagingDir(), randomUUID());
      try {
        await fill(finished);
        const { size } = await stat(finished);
        if (size !== version.sizeBytes) {
          throw new KeystoneError('KS_STORE', `${place}/${version.key} came as ${size} bytes instead of ${version.sizeBytes}`, {
            hint: 'Run the same command again; when it stays so, a proxy on the way changes what it passes on.',
          });
        }
        await take(name, finished);
      } finally {
        await rm(finished, { force: true });
      }
    }
  };

  return {
    copyOf: async (version, fill) => {
      const name = nameOf(version);
      const link = held.get(name);
      if (link !== undefined) {
        link.askedMs = clock.nowMs();
        return link.file;
      }
      const known = coming.get(name);
      if (known) return known;
      const copy = failing(folder, () => fetched(name, version, fill)).finally(() => coming.delete(name));
      coming.set(name, copy);
      return copy;
    },
    adopt: (version, file) =>
      failing(folder, async () => {
        const name = nameOf(version);
        try {
          await take(name, file);
          await makeRoom();
        } catch (error) {
          if (systemErrorCode(error) !== 'EXDEV') throw error;
        }
      }),
    missing: (key) => path.join(own, 'absent', key),
    stagingDir: () => failing(folder, stagingDir),
    close: async () => {
      held.clear();
      await rm(own, { recursive: true, force: true });
    },
  };
}

async function failing<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (isKeystoneError(cause) || !isFileFailure(cause)) throw cause;
    throw new KeystoneError('KS_STORE', `The local copies in ${folder} cannot be kept: ${messageOf(cause)}`, {
      hint:
        code === 'ENOSPC' || code === 'EDQUOT'
          ? 'The disk is full: free space, set store.s3.cacheSize lower, or put store.s3.cache on another volume. What is in there may be deleted.'
          : 'Give this user read and write permission there, or set store.s3.cache to another folder.',
      cause,
      details: { path: folder, cause: code ?? null },
    });
  }
}

/**
 * Writing so that a power cut can't take it back: a file's bytes are on disk before its name is, and its name is on disk
 * before the write resolves (fsync of the file, then of every folder whose entries changed).
 */
import { open } from 'node:fs/promises';
import path from 'node:path';
import { makeFolder } from './make-folder.js';

/** Creates `file` (which must not exist) with these bytes, on disk when it resolves. */
export async function writeDurably(file: string, body: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(body);
    await handle.datasync(); // data and size; the name is made durable by the folder's fsync
  } finally {
    await handle.close();
  }
}

/** Flushes a file or folder to disk. */
export async function syncPath(target: string): Promise<void> {
  const handle = await open(target, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes a folder and its missing parents, with their names on disk by `syncFolder`. */
export async function makeFolderDurably(folder: string, syncFolder: (folder: string) => Promise<void>): Promise<void> {
  const firstMade = await makeFolder(folder);
  if (firstMade === undefined) return;
  for (let made = folder; ; made = path.dirname(made)) {
    await syncFolder(path.dirname(made));
    if (made === firstMade || made === path.dirname(made)) return;
  }
}

/**
 * Folder fsyncs that arrive while one is running share the next one: a hundred files put into one folder at once cost
 * a few flushes, not a hundred. A caller never joins a flush that began before its own change.
 */
export function folderSyncer(): (folder: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();
  const start = (folder: string): Promise<void> => {
    const flush = syncPath(folder).finally(() => {
      if (running.get(folder) === flush) running.delete(folder);
    });
    running.set(folder, flush);
    return flush;
  };
  return (folder) => {
    const current = running.get(folder);
    if (!current) return start(folder);
    const queued = waiting.get(folder);
    if (queued) return queued;
    const next = current
      .catch(() => undefined)
      .then(() => {
        waiting.delete(folder);
        return start(folder);
      });
    waiting.set(folder, next);
    return next;
  };
}

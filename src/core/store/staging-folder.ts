/**
 * Where files lie while they are being made: a folder of this process alone, on the store's volume. The folders of processes that
 * have ended (a killed one leaves its half-written files there) are removed by the next process that writes.
 */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { hasEnded, ownProcessName } from './process-name.js';

/** Makes this process's folder below `parent` and removes those of ended processes; resolves to its path. */
export async function openStagingFolder(parent: string): Promise<string> {
  const own = path.join(parent, await ownProcessName());
  await mkdir(own, { recursive: true });
  for (const name of await readdir(parent)) {
    if (await hasEnded(name)) await rm(path.join(parent, name), { recursive: true, force: true });
  }
  return own;
}

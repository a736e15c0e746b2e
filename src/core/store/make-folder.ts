/** Folders, made with their parents. */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { systemErrorCode } from './folder-error.js';

/**
 * Makes `folder` (absolute) and its missing parents; resolves to the first that was made, or undefined when all were there. Node's own
 * `recursive` goes round without end where a parent exists and yet takes no entries (`/proc`); this fails with the system's error.
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  try {
    return await makeOne(folder);
  } catch (error) {
    const parent = path.dirname(folder);
    if (systemErrorCode(error) !== 'ENOENT' || parent === folder) throw error;
    const first = await makeFolder(parent);
    // Once more and no oftener; another process may have made the parent, or this one, in between.
    const made = await makeOne(folder);
    return first ?? made;
  }
}

/** The folder when it was made, undefined when it was there. */
async function makeOne(folder: string): Promise<string | undefined> {
  try {
    await mkdir(folder);
    return folder;
  } catch (error) {
    const isFolder = await stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
    if (isFolder) return undefined;
    throw error;
  }
}

/** Folders, made with their parents, for what blocks anyway. */
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** Makes `folder` (absolute) and its missing parents. Node's own `recursive` never ends below a folder that takes no entries (`/proc`). */
export function makeFolderSync(folder: string): void {
  try {
    makeOneSync(folder);
  } catch (error) {
    const parent = path.dirname(folder);
    if (!isMissing(error) || parent === folder) throw error;
    makeFolderSync(parent);
    makeOneSync(folder);
  }
}

function makeOneSync(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
  }
}

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

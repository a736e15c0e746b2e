/**
 * Mutual exclusion between processes by files alone, which survives kill -9 of a holder.
 *
 * A lock is a folder of numbered turns, each a symbolic link whose target is not a path but a word: the holder's process name, or
 * `free` (a link is made whole, with its word, in one atomic step, and no file need be opened to read it). Whoever creates turn
 * n+1 holds the lock; it ends by replacing its turn with `free`. A turn whose holder died counts as free. Numbers only rise, so
 * two waiters that both see a dead holder race for the same next number and one wins: nobody ever removes a live lock.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KeystoneError } from '../errors.js';
import { systemErrorCode } from './folder-error.js';
import { hasEnded, ownProcessName } from './process-name.js';

const FREE = 'free';
/** A lock is held for one small write; a holder that takes longer is suspended, or was on a machine of which nothing is known. */
const PATIENCE_MS = 30_000;

/** Runs `work` while this process alone holds the lock at `folder`. Throws KS_STORE when it does not come free in `patienceMs`. */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  const turn = path.join(folder, String(await takeTurn(folder, patienceMs)));
  try {
    return await work();
  } finally {
    const freed = `${folder}-${randomUUID()}`;
    await symlink(FREE, freed);
    await rename(freed, turn);
  }
}

async function takeTurn(folder: string, patienceMs: number): Promise<number> {
  const holder = await ownProcessName();
  let waitedMs = 0;
  for (let waitMs = 0.5; ; waitMs = Math.min(20, waitMs * 1.5)) {
    const newest = (await turnsOf(folder)).at(-1) ?? 0;
    if (newest > 0 && !(await isOver(path.join(folder, String(newest))))) {
      if (waitedMs >= patienceMs) throw await stillHeld(path.join(folder, String(newest)));
      await delay(waitMs);
      waitedMs += waitMs;
      continue;
    }
    const turn = newest + 1;
    if (!(await createTurn(path.join(folder, String(turn)), holder))) continue;
    // A slow waiter may have created a number that was already swept: then a higher one exists, and this one is not the lock.
    const now = await turnsOf(folder);
    if (now.at(-1) === turn) {
      await Promise.all(now.slice(0, -1).map((old) => rm(path.join(folder, String(old)), { force: true })));
      return turn;
    }
    await rm(path.join(folder, String(turn)), { force: true });
  }
}

async function turnsOf(folder: string): Promise<readonly number[]> {
  try {
    return (await readdir(folder)).map(Number).toSorted((a, b) => a - b);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true });
    return [];
  }
}

async function createTurn(turn: string, holder: string): Promise<boolean> {
  try {
    await symlink(holder, turn);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function stillHeld(turn: string): Promise<KeystoneError> {
  const holder = await readlink(turn).catch(() => 'a process that just ended');
  return new KeystoneError('KS_STORE', `The lock ${turn} is held by ${holder} and does not come free`, {
    hint: `Resume or end that process. If it ran on a machine that is gone, remove ${turn}.`,
  });
}

/** Free, swept, or held by a process of this machine that no longer lives. */
async function isOver(turn: string): Promise<boolean> {
  try {
    const holder = await readlink(turn);
    // A copy of the folder may have made a path of the word: no process is named like one.
    return holder === FREE || path.isAbsolute(holder) || (await hasEnded(holder));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return true;
    throw error;
  }
}

/**
 * Mutual exclusion between processes by files alone, which survives kill -9 of a holder.
 *
 * A lock is a folder of numbered turns. Whoever creates turn n+1 exclusively holds the lock; it ends by writing `free` into
 * its turn. A turn whose holder died counts as free. Numbers only rise, so two waiters that both see a dead holder race for
 * the same next number and one wins: nobody ever removes a live lock. Old turns are swept by later holders.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemErrorCode } from './folder-error.js';
import { hasEnded, ownProcessName } from './process-name.js';

const FREE = 'free';

/** Runs `work` while this process alone holds the lock at `folder`. */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  await mkdir(folder, { recursive: true });
  const turn = await takeTurn(folder);
  try {
    return await work();
  } finally {
    await writeFile(path.join(folder, String(turn)), FREE);
  }
}

async function takeTurn(folder: string): Promise<number> {
  for (let wait = 0.5; ; wait = Math.min(20, wait * 1.5)) {
    const turns = await turnsOf(folder);
    const newest = turns.at(-1) ?? 0;
    if (newest === 0 || (await isOver(path.join(folder, String(newest))))) {
      if (await createTurn(folder, newest + 1)) {
        // A slow waiter may have created a number that was already swept: then a higher one exists, and this one is not the lock.
        const now = await turnsOf(folder);
        if (now.at(-1) === newest + 1) {
          await Promise.all(now.slice(0, -1).map((old) => rm(path.join(folder, String(old)), { force: true })));
          return newest + 1;
        }
        await rm(path.join(folder, String(newest + 1)), { force: true });
      }
      continue;
    }
    await delay(wait);
  }
}

const turnsOf = async (folder: string): Promise<readonly number[]> =>
  (await readdir(folder)).map(Number).toSorted((a, b) => a - b);

/** Link of a finished file: a turn never exists without its holder's name, so an empty turn is one that is being given back. */
async function createTurn(folder: string, turn: number): Promise<boolean> {
  const claim = path.join(path.dirname(folder), `claim-${randomUUID()}`);
  await writeFile(claim, await ownProcessName(), { flag: 'wx' });
  try {
    await link(claim, path.join(folder, String(turn)));
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(claim, { force: true });
  }
}

/** Free, swept, or held by a process of this machine that no longer lives. */
async function isOver(file: string): Promise<boolean> {
  const holder = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return FREE;
    throw error;
  });
  if (holder === FREE || holder === '') return true;
  return hasEnded(holder);
}

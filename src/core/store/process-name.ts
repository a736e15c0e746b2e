/**
 * Names a process so that others on its machine can tell whether it still lives: after kill -9, what it held (locks, files in the
 * making) is free to take or to remove.
 */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { systemErrorCode } from './folder-error.js';

const SEPARATOR = '~';

/** `<host>~<pid>~<start>`: fit for a file name. */
export const ownProcessName = async (): Promise<string> =>
  [os.hostname(), process.pid, await startOf(process.pid)].join(SEPARATOR);

/** True when the named process is known to have ended; of one on another machine nothing is known. */
export async function hasEnded(name: string): Promise<boolean> {
  const [host, pid, start] = name.split(SEPARATOR);
  if (host !== os.hostname() || pid === undefined || !/^[1-9]\d*$/.test(pid)) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (systemErrorCode(error) === 'ESRCH') return true;
    if (systemErrorCode(error) !== 'EPERM') throw error;
  }
  return (await startOf(Number(pid))) !== start;
}

/** When a process started, in the kernel's ticks: tells it from a later process with its id. `0` where there is no /proc. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

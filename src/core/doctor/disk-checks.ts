/** Does the disk keep what Keystone's promises rest on: writing, fsync, hard links, room? Tried, not looked up. */
import { constants } from 'node:fs';
import { access, link, mkdir, open, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Effects } from '../lakehouse.js';
import { examine, failed, ok, skipped, warning, type DoctorCheck } from './doctor-check.js';

const GIB = 1024 ** 3;
const LEAST_FREE_BYTES = 1 * GIB;
const GOOD_FREE_BYTES = 5 * GIB;
/** Every acknowledgement waits for one. */
const SLOW_FSYNC_MS = 50;
const FSYNC_TRIES = 5;
const CLOCK_SKEW_MS = 5000;

/** What is looked at besides whether the folder is writable. */
export type DiskLook = 'free space' | 'fsync' | 'hard links' | 'clock';
const ALL_LOOKS: readonly DiskLook[] = ['free space', 'fsync', 'hard links', 'clock'];

/** Checks of the disk below `folder` (which need not exist yet); leaves nothing behind. `label` names it, e.g. `lake`. */
export async function diskChecks(
  label: string,
  folder: string,
  effects: Effects,
  looks: readonly DiskLook[] = ALL_LOOKS,
): Promise<readonly DoctorCheck[]> {
  const base = await nearestExisting(folder);
  const trial = path.join(base, `.keystone-doctor-${Buffer.from(effects.randomBytes(6)).toString('hex')}`);
  const writable = await examine(`${label} folder`, 'KS_STORE', async () => {
    await access(base, constants.W_OK | constants.X_OK);
    const [next = ''] = path.relative(base, folder).split(path.sep);
    const isInTheWay =
      next !== '' &&
      (await access(path.join(base, next)).then(
        () => true,
        () => false,
      ));
    if (isInTheWay)
      return failed(
        `${label} folder`,
        'KS_STORE',
        `${path.join(base, next)} is no folder`,
        'move it away, or name another place (see keystone config show)',
      );
    await mkdir(trial);
    return ok(`${label} folder`, base === folder ? `${folder} is writable` : `${folder} can be made`);
  });
  if (writable.status !== 'ok') {
    return [
      writable,
      ...looks.filter((look) => look !== 'free space').map((look) => skipped(`${label} ${look}`, 'the folder is not writable')),
    ];
  }
  try {
    const found = [writable];
    if (looks.includes('free space')) found.push(await freeSpace(label, base));
    if (looks.includes('fsync')) found.push(await fsyncWorks(label, trial, effects));
    if (looks.includes('hard links')) found.push(await hardLinksWork(label, trial));
    if (looks.includes('clock')) found.push(await clockAgrees(label, trial, effects));
    return found;
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

const freeSpace = (label: string, base: string): Promise<DoctorCheck> =>
  examine(`${label} free space`, 'KS_STORE', async () => {
    const { bavail, bsize } = await statfs(base);
    const freeBytes = bavail * bsize;
    const found = `${(freeBytes / GIB).toFixed(1)} GiB free`;
    if (freeBytes < LEAST_FREE_BYTES)
      return failed(
        `${label} free space`,
        'KS_STORE',
        found,
        `free some space, or move the ${label} with --set (see keystone config show)`,
      );
    if (freeBytes < GOOD_FREE_BYTES)
      return warning(`${label} free space`, found, 'a day of events and their copies in bronze and silver may need more');
    return ok(`${label} free space`, found);
  });

const fsyncWorks = (label: string, trial: string, effects: Effects): Promise<DoctorCheck> =>
  examine(`${label} fsync`, 'KS_STORE', async () => {
    const times: number[] = [];
    const file = await open(path.join(trial, 'fsync'), 'w');
    try {
      for (let attempt = 0; attempt < FSYNC_TRIES; attempt += 1) {
        await file.write('x'.repeat(4096));
        const startMs = effects.clock.nowMs();
        await file.sync();
        times.push(effects.clock.nowMs() - startMs);
      }
    } finally {
      await file.close();
    }
    const medianMs = times.toSorted((a, b) => a - b)[Math.floor(FSYNC_TRIES / 2)] ?? 0;
    const found = `${medianMs} ms`;
    return medianMs > SLOW_FSYNC_MS
      ? warning(`${label} fsync`, found, 'each acknowledgement waits for one: use a local SSD for the log')
      : ok(`${label} fsync`, found);
  });

const hardLinksWork = (label: string, trial: string): Promise<DoctorCheck> =>
  examine(`${label} hard links`, 'KS_STORE', async () => {
    const [from, to] = [path.join(trial, 'one'), path.join(trial, 'two')];
    await writeFile(from, 'linked', { flag: 'wx' });
    const fix = `put the ${label} on a file system with hard links (ext4, xfs, APFS, NTFS): a file is created only if absent by linking it`;
    const linked = await link(from, to).then(
      () => true,
      () => false,
    );
    if (!linked || (await readFile(to, 'utf8')) !== 'linked')
      return failed(`${label} hard links`, 'KS_STORE', 'not supported here', fix);
    const second = await link(from, to).then(
      () => 'replaced',
      (error: NodeJS.ErrnoException) => error.code,
    );
    return second === 'EEXIST'
      ? ok(`${label} hard links`, 'made, and refused where a file is')
      : failed(`${label} hard links`, 'KS_STORE', `an existing file was not respected (${second})`, fix);
  });

/** A network disk with another clock would make files older or younger than they are. */
const clockAgrees = (label: string, trial: string, effects: Effects): Promise<DoctorCheck> =>
  examine(`${label} clock`, 'KS_STORE', async () => {
    const file = path.join(trial, 'clock');
    await writeFile(file, '');
    const skewMs = Math.round((await stat(file)).mtimeMs - effects.clock.nowMs());
    if (Math.abs(skewMs) <= CLOCK_SKEW_MS) return ok(`${label} clock`, 'agrees with this machine');
    return warning(
      `${label} clock`,
      `${Math.abs(skewMs) / 1000} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine`,
      'set both clocks by NTP',
    );
  });

/** The folder, or what of the way to it is there. */
export async function nearestExisting(folder: string): Promise<string> {
  const there = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return there || path.dirname(folder) === folder ? folder : nearestExisting(path.dirname(folder));
}

/**
 * A folder that others upload into, and the places of its files on their way:
 *
 *   DIR/orders.csv ──claim──► DIR/.processing/<process>/<claim>/orders.csv ──conclude──► DIR/done/ or DIR/failed/orders.csv
 *                  ◄─put back─┘                                                          + orders.csv.report.json
 *
 * Every step is one rename or link, so a file is always in exactly one place that somebody looks at, whenever a process dies: two
 * watchers never hold one file (the second rename finds nothing), and no name is ever overwritten. What an ended process had claimed
 * is taken over by the next one.
 */
import { link, lstat, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError, messageOf } from '../../errors.js';
import { syncPath } from '../../store/durable-file.js';
import { systemErrorCode } from '../../store/folder-error.js';
import { makeFolder } from '../../store/make-folder.js';
import { hasEnded, ownProcessName } from '../../store/process-name.js';
import { numberedName, uploadKind } from './upload-name.js';

const PROCESSING = '.processing';
const REPORT = 'report.json';
const OUTCOMES = ['done', 'failed'] as const;
/** File systems without hard links answer one of these. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

export type UploadOutcome = (typeof OUTCOMES)[number];

export interface Upload {
  /** Relative to the watched folder with `/`: `orders.csv`, or `orders/monday.csv` in a sub-folder. */
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Changes whenever the file is written to or replaced. */
  readonly state: string;
}

/** An upload that this process alone holds; `path` is where it lies meanwhile. */
export interface ClaimedUpload extends Upload {
  readonly claim: string;
}

/** A file of the folder that is no upload, and why it stays. */
export interface LeftFile {
  readonly name: string;
  readonly reason: string;
}

export interface UploadScan {
  /** The oldest first. */
  readonly uploads: readonly Upload[];
  readonly left: readonly LeftFile[];
}

export interface UploadFolder {
  scan(): Promise<UploadScan>;
  /** Null when another watcher was faster, or the file is gone or has changed since it was looked at. */
  claim(upload: Upload): Promise<ClaimedUpload | null>;
  /** Takes over what processes of this machine that have ended had claimed; what they had concluded but for the last step is concluded. */
  takeOver(): Promise<readonly ClaimedUpload[]>;
  /** True when the file was written to after it was claimed (its writer had it open). */
  hasChanged(claimed: ClaimedUpload): Promise<boolean>;
  /** Back to where it was; under a numbered name if there is a new file of its name. Resolves to the name. */
  putBack(claimed: ClaimedUpload): Promise<string>;
  /** Moves the file and its report; resolves to the file's new name, relative to the folder. */
  conclude(claimed: ClaimedUpload, outcome: UploadOutcome, reportOf: (movedTo: string) => string): Promise<string>;
}

/** @throws KeystoneError KS_NOT_FOUND when there is no such folder, KS_USAGE when it is a file; each method KS_STORE when the file system refuses. */
export async function openUploadFolder(dir: string, randomBytes: (length: number) => Uint8Array): Promise<UploadFolder> {
  const found = await stat(dir).catch(() => null);
  if (found && !found.isDirectory()) {
    const command = /\.csv(\.gz)?$/i.test(dir) ? 'csv' : 'send';
    throw new KeystoneError('KS_USAGE', `${dir} is a file, and a folder is watched`, {
      hint: `keystone ingest watch ${path.dirname(dir)}, or of this file alone: keystone ingest ${command} ${dir}`,
    });
  }
  if (!found) {
    throw new KeystoneError('KS_NOT_FOUND', `there is no folder ${dir} to watch`, { hint: `mkdir -p ${dir}` });
  }
  const processing = path.join(dir, PROCESSING);
  const owner = path.join(processing, await ownProcessName());
  const newClaim = (): string => path.join(owner, Buffer.from(randomBytes(8)).toString('hex'));
  const claimedAt = (claim: string, name: string): string => path.join(claim, ...name.split('/'));

  const describe = async (name: string, file: string): Promise<Upload | null> => {
    const stats = await lstat(file).catch(() => null);
    if (!stats?.isFile()) return null;
    const state = `${stats.ino} ${stats.size} ${stats.mtimeMs}`;
    return { name, path: file, sizeBytes: stats.size, modifiedMs: stats.mtimeMs, state };
  };

  /** Gives the file a name in `folder` that nobody has, without ever taking one away; `note` lies beside it under `<name>.report.json`. */
  const place = async (
    file: string,
    folder: string,
    name: string,
    note: ((base: string) => Promise<string>) | null,
  ): Promise<string> => {
    await makeFolder(folder);
    for (let n = 1; ; n++) {
      const base = n === 1 ? name : numberedName(name, n);
      const target = path.join(folder, base);
      const beside = `${target}.${REPORT}`;
      if (await lstat(target).catch(() => null)) continue;
      if (note && (await lstat(beside).catch(() => null))) continue;
      const written = await note?.(base);
      try {
        await link(file, target);
      } catch (error) {
        if (systemErrorCode(error) === 'EEXIST') continue;
        if (!NO_LINKS.has(systemErrorCode(error))) throw error;
        const reserved = await open(target, 'wx').catch((taken: unknown) => {
          if (systemErrorCode(taken) === 'EEXIST') return null;
          throw taken;
        });
        if (!reserved) continue;
        await reserved.close();
        await rename(file, target);
      }
      if (written !== undefined) await rename(written, beside);
      await syncPath(folder);
      await rm(file, { force: true });
      return base;
    }
  };

  /** Folders that hold something stay: nothing is deleted here. */
  const tidy = async (claim: string, name: string): Promise<void> => {
    for (const folder of [path.dirname(claimedAt(claim, name)), claim, owner, processing]) {
      await rmdir(folder).catch(() => undefined);
    }
  };

  /** The name under which the same file already lies in done or failed: a process died between its last two steps. */
  const concludedAs = async (claimed: ClaimedUpload): Promise<string | null> => {
    const own = await lstat(claimed.path);
    if (own.nlink < 2) return null;
    for (const outcome of OUTCOMES) {
      const folder = path.join(dir, outcome, path.dirname(claimed.name));
      for (const entry of await readdir(folder).catch(() => [])) {
        const other = await lstat(path.join(folder, entry)).catch(() => null);
        if (other?.ino === own.ino && other.dev === own.dev) return path.join(folder, entry);
      }
    }
    return null;
  };

  const failing = async <T>(action: string, name: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      const what = path.join(dir, name);
      throw new KeystoneError('KS_STORE', `could not ${action} ${what}: ${messageOf(cause)}`, {
        hint: `look at df -h ${dir} and ls -la ${dir}, and run the same command again: nothing is lost, events that are in the log become duplicates`,
        cause,
      });
    }
  };

  return {
    scan: () =>
      failing('read', '.', async () => {
        const uploads: Upload[] = [];
        const left: LeftFile[] = [];
        const look = async (folder: string): Promise<void> => {
          for (const entry of await readdir(path.join(dir, folder), { withFileTypes: true })) {
            const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
            if (entry.isDirectory()) {
              if (folder === '' && !entry.name.startsWith('.') && !OUTCOMES.some((outcome) => outcome === entry.name)) {
                await look(entry.name);
              }
              continue;
            }
            const { kind } = uploadKind(entry.name);
            if (kind === 'temporary') continue;
            if (kind === 'other') {
              left.push({ name, reason: 'its name ends in none of .csv, .ndjson, .jsonl (or these with .gz)' });
              continue;
            }
            const upload = await describe(name, path.join(dir, name));
            if (upload) uploads.push(upload);
            else if (entry.isSymbolicLink()) left.push({ name, reason: 'it is a symbolic link; put the file itself here' });
          }
        };
        await look('');
        uploads.sort((a, b) => a.modifiedMs - b.modifiedMs || (a.name < b.name ? -1 : 1));
        return { uploads, left };
      }),
    claim: (upload) =>
      failing('claim', upload.name, async () => {
        const claim = newClaim();
        const held = claimedAt(claim, upload.name);
        // A watcher that goes removes the folders that it leaves empty: they may have to be made again.
        for (let attempt = 1; ; attempt++) {
          try {
            await makeFolder(path.dirname(held));
            await rename(upload.path, held);
            break;
          } catch (error) {
            if (systemErrorCode(error) !== 'ENOENT') throw error;
            if (attempt < 10 && (await lstat(upload.path).catch(() => null))) continue;
            await tidy(claim, upload.name);
            return null;
          }
        }
        const claimed = await describe(upload.name, held);
        if (claimed?.state === upload.state) return { ...claimed, claim };
        if (claimed) await place(held, path.dirname(upload.path), path.basename(upload.path), null);
        await tidy(claim, upload.name);
        return null;
      }),
    takeOver: () =>
      failing('read', PROCESSING, async () => {
        const taken: ClaimedUpload[] = [];
        for (const holder of await readdir(processing).catch(() => [])) {
          if (!(await hasEnded(holder))) continue;
          const folder = path.join(processing, holder);
          for (const entry of await readdir(folder).catch(() => [])) {
            const claim = newClaim();
            await makeFolder(owner);
            // Of several that take over, one rename finds the folder.
            const isMine = await rename(path.join(folder, entry), claim).then(
              () => true,
              () => false,
            );
            if (!isMine) continue;
            for (const file of await readdir(claim, { recursive: true })) {
              const name = file.split(path.sep).join('/');
              const upload = file === REPORT ? null : await describe(name, path.join(claim, file));
              if (!upload) continue;
              const claimed = { ...upload, claim };
              const moved = await concludedAs(claimed);
              if (moved === null) {
                taken.push(claimed);
                continue;
              }
              const report = path.join(claim, REPORT);
              if (await lstat(report).catch(() => null)) await rename(report, `${moved}.${REPORT}`);
              await rm(claimed.path);
            }
            await rmdir(claim).catch(() => undefined);
          }
          await rmdir(folder).catch(() => undefined);
        }
        await rmdir(owner).catch(() => undefined);
        await rmdir(processing).catch(() => undefined);
        return taken;
      }),
    hasChanged: async (claimed) => (await describe(claimed.name, claimed.path))?.state !== claimed.state,
    putBack: (claimed) =>
      failing('put back', claimed.name, async () => {
        const folder = path.dirname(claimed.name);
        await rm(path.join(claimed.claim, REPORT), { force: true });
        const base = await place(claimed.path, path.join(dir, folder), path.basename(claimed.name), null);
        await tidy(claimed.claim, claimed.name);
        return path.posix.join(folder, base);
      }),
    conclude: (claimed, outcome, reportOf) =>
      failing('move', claimed.name, async () => {
        const folder = path.posix.join(outcome, path.posix.dirname(claimed.name));
        const report = path.join(claimed.claim, REPORT);
        const base = await place(claimed.path, path.join(dir, folder), path.posix.basename(claimed.name), async (name) => {
          // On disk before the file gets its place: whoever finds the file there finds what became of it.
          const handle = await open(report, 'w');
          try {
            await handle.writeFile(reportOf(path.posix.join(folder, name)));
            await handle.datasync();
          } finally {
            await handle.close();
          }
          return report;
        });
        await tidy(claimed.claim, claimed.name);
        return path.posix.join(folder, base);
      }),
  };
}

/** What an error of a claimed file says, told of the file under the name that its uploader knows. */
export const messageAboutUpload = (error: unknown, upload: Upload): string =>
  messageOf(error).replaceAll(upload.path, upload.name);

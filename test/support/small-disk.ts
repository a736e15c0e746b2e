/** A file system of its own that a test can fill: a tmpfs, for which one must be root. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

export interface SmallDisk {
  readonly dir: string;
  /** Leaves so many bytes free, whatever was free before. */
  leave(freeBytes: number): Promise<void>;
  /** Gives all room back. */
  release(): Promise<void>;
  remove(): Promise<void>;
}

/** null where nobody may mount a tmpfs; the test then skips. */
export async function smallDisk(sizeBytes: number): Promise<SmallDisk | null> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', dir]).status === 0;
  if (!mounted) {
    await rm(dir, { recursive: true, force: true });
    return null;
  }
  const ballast = path.join(dir, 'ballast');
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(dir);
    return bavail * bsize;
  };
  const release = (): Promise<void> => rm(ballast, { force: true });
  return {
    dir,
    release,
    leave: async (freeBytes) => {
      await release();
      const size = (await free()) - freeBytes;
      if (size <= 0) return;
      await writeFile(ballast, Buffer.alloc(size));
      // The file's own pages may have cost one more.
      const missing = freeBytes - (await free());
      if (missing > 0) await truncate(ballast, Math.max(0, size - missing));
    },
    remove: async () => {
      // Somebody may still be about to close a file; lazily means that the rest follows by itself.
      spawnSync('umount', ['-l', dir]);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

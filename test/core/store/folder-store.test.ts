import { spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderError } from '../../../src/core/store/folder-error.js';
import { withFolderLock } from '../../../src/core/store/folder-lock.js';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import { tempDir } from '../../support/temp-dir.js';
import { objectStoreContract } from './object-store.contract.js';

objectStoreContract('folder', async () => {
  const dir = await tempDir();
  return () => openFolderStore(dir);
});

describe('a folder store', () => {
  it('takes nothing for absent, and makes nothing, when its folder was moved away or replaced', async () => {
    const dir = await tempDir();
    const [lake, elsewhere] = [path.join(dir, 'lake'), path.join(dir, 'elsewhere')];
    const store = await openFolderStore(lake);
    await store.put('t/a', new Uint8Array(1));
    await rename(lake, elsewhere);
    const gone = { code: 'KS_STORE', message: `The lake ${lake} is not there any more` };
    const tries = [
      () => store.get('t/a'),
      () => store.put('t/a', new Uint8Array(2)),
      () => store.put('t/b', new Uint8Array(2), { kind: 'ifAbsent' }),
      () => store.folders(''),
      () => store.stagingDir(),
      () => keysIn(store.list('')),
    ];
    for (const attempt of tries) await expect(attempt()).rejects.toMatchObject(gone);
    expect(await readdir(dir)).toEqual(['elsewhere']);
    await mkdir(lake);
    for (const attempt of tries) await expect(attempt()).rejects.toMatchObject(gone);
    await rm(lake, { recursive: true });
    await rename(elsewhere, lake);
    expect((await store.get('t/a'))?.body).toHaveLength(1);
  });

  it('names the path and the next step when the folder can not be used', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'file'), '');
    await expect(openFolderStore(path.join(dir, 'file', 'lake'))).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining(path.join(dir, 'file')),
      hint: expect.stringMatching(/./),
    });
    const store = await openFolderStore(path.join(dir, 'lake'));
    await store.put('a', new Uint8Array());
    await expect(store.put('a/b', new Uint8Array(), { kind: 'ifAbsent' })).rejects.toMatchObject({ code: 'KS_STORE' });
  });

  it.runIf(process.platform === 'linux')('says what to do about a full disk', async () => {
    // Linux answers every write to this file with ENOSPC.
    const error = folderError('write', '/lake/a', await writeFile('/dev/full', 'x').catch((cause: unknown) => cause));
    expect(error).toMatchObject({
      code: 'KS_STORE',
      hint: expect.stringContaining('disk is full'),
      details: { cause: 'ENOSPC' },
    });
  });

  it('leaves nothing in its staging folder, and removes what killed processes left in theirs', async () => {
    const dir = await tempDir();
    const dead = path.join(dir, '.keystone-staging', `${os.hostname()}~${process.pid}~1`);
    const elsewhere = path.join(dir, '.keystone-staging', 'another-host~1~1');
    for (const folder of [dead, elsewhere]) {
      await mkdir(path.join(folder, 'write-x'), { recursive: true });
      await writeFile(path.join(folder, 'write-x', 'half.parquet'), 'x');
    }
    const store = await openFolderStore(dir);
    await store.put('a', new Uint8Array(10));
    await store.put('a', new Uint8Array(11), { kind: 'ifAbsent' });
    await store.put('a', new Uint8Array(12));
    expect(await readdir(await store.stagingDir())).toEqual([]);
    const left = await readdir(path.join(dir, '.keystone-staging'));
    expect(left).not.toContain(path.basename(dead));
    expect(left).toContain(path.basename(elsewhere));
  });
});

describe('a folder lock', () => {
  it('is held by one at a time', async () => {
    const folder = path.join(await tempDir(), 'locks', 'key');
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 12 }, () =>
        withFolderLock(folder, async () => {
          most = Math.max(most, ++inside);
          await new Promise((wake) => setTimeout(wake, 2));
          inside--;
        }),
      ),
    );
    expect(most).toBe(1);
  });

  it('is free again when its holder was killed', async () => {
    const folder = path.join(await tempDir(), 'locks', 'key');
    await mkdir(folder, { recursive: true });
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await symlink(`${os.hostname()}~${child.pid}~${await startTicks(child.pid as number)}`, path.join(folder, '1'));
    let taken = false;
    const waiting = withFolderLock(folder, async () => {
      taken = true;
    });
    await new Promise((wake) => setTimeout(wake, 60));
    expect(taken).toBe(false);
    child.kill('SIGKILL');
    await waiting;
    expect(taken).toBe(true);
  });

  it('is free when another process got the id of its dead holder', async () => {
    const folder = path.join(await tempDir(), 'locks', 'key');
    await mkdir(folder, { recursive: true });
    await symlink(`${os.hostname()}~${process.pid}~1`, path.join(folder, '1'));
    await withFolderLock(folder, async () => undefined);
  });
});

async function startTicks(pid: number): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

async function keysIn(listed: AsyncIterable<{ readonly key: string }>): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of listed) keys.push(key);
  return keys;
}

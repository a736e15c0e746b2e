import { cp, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { withFolderLock } from '../../../src/core/store/folder-lock.js';
import { tempDir } from '../../support/temp-dir.js';

test('a lock of another machine is waited for, then named instead of waited for without end', async () => {
  const folder = path.join(await tempDir(), 'lock');
  await mkdir(folder);
  await symlink('elsewhere~1~1', path.join(folder, '7'));
  await expect(withFolderLock(folder, async () => 1, 50)).rejects.toMatchObject({
    code: 'KS_STORE',
    message: expect.stringContaining('elsewhere~1~1') as string,
    hint: expect.stringContaining(path.join(folder, '7')) as string,
  });
});

test('locks in a copied folder are free', async () => {
  const dir = await tempDir();
  await withFolderLock(path.join(dir, 'a', 'lock'), async () => 1);
  // Copying makes absolute paths of relative links.
  await cp(path.join(dir, 'a'), path.join(dir, 'b'), { recursive: true });
  expect(await withFolderLock(path.join(dir, 'b', 'lock'), async () => 2, 50)).toBe(2);
});

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../../src/core/store/make-folder.js';
import { tempDir } from '../../support/temp-dir.js';

describe('makeFolder', () => {
  it('makes the missing folders and says which was the first', async () => {
    const dir = await tempDir();
    const deep = path.join(dir, 'a', 'b', 'c');
    expect(await makeFolder(deep)).toBe(path.join(dir, 'a'));
    expect(existsSync(deep)).toBe(true);
    expect(await makeFolder(deep)).toBeUndefined();
  });

  it('lets many make the same folder at once', async () => {
    const deep = path.join(await tempDir(), 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 20 }, async (_, n) => makeFolder(path.join(deep, String(n)))));
    expect(existsSync(path.join(deep, '19'))).toBe(true);
  });

  it('fails where a file is in the way', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'a'), '');
    await expect(makeFolder(path.join(dir, 'a'))).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(makeFolder(path.join(dir, 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  });

  it.runIf(process.platform === 'linux')('fails, and ends, where the file system takes no folders', async () => {
    await expect(makeFolder('/proc/keystone/deep')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolderSync } from '../../../src/core/sqlite/make-folder-sync.js';
import { tempDir } from '../../support/temp-dir.js';

describe('makeFolderSync', () => {
  it('makes the missing folders and takes those that are there', async () => {
    const deep = path.join(await tempDir(), 'a', 'b', 'c');
    makeFolderSync(deep);
    makeFolderSync(deep);
    expect(existsSync(deep)).toBe(true);
    writeFileSync(path.join(deep, 'file'), '');
    expect(() => makeFolderSync(path.join(deep, 'file'))).toThrow('EEXIST');
  });

  it.runIf(process.platform === 'linux')('fails, and ends, where the file system takes no folders', () => {
    expect(() => makeFolderSync('/proc/keystone/deep')).toThrow('ENOENT');
  });
});

import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import type { Catalog } from '../../../src/core/table/catalog.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import { newTable } from '../../../src/core/table/new-table.js';
import { tempDir } from '../../support/temp-dir.js';
import { catalogContract } from './catalog.contract.js';

catalogContract('folder', async () => {
  const dir = await tempDir();
  return async () => openFolderCatalog(await openFolderStore(dir));
});

describe('the catalog of a folder', () => {
  const metadata = newTable(
    { name: 'a.b', fields: [{ id: 1, name: 'x', type: 'int', required: false }], partition: [], properties: {} },
    '/lake/a/b',
    'uuid',
    1,
  );
  /** A lake whose table is at `version`; `open` gives its catalog as another process would see it. */
  const lakeAt = async (version: number): Promise<{ readonly metadata: string; readonly open: () => Promise<Catalog> }> => {
    const dir = await tempDir();
    const open = async (): Promise<Catalog> => openFolderCatalog(await openFolderStore(dir));
    const catalog = await open();
    for (let n = 0; n < version; n += 1) await catalog.swap('a.b', n === 0 ? null : String(n), metadata);
    return { metadata: path.join(dir, 'a/b/metadata'), open };
  };

  it('tells that the newest version was lost instead of reading the one before', async () => {
    const lake = await lakeAt(3);
    const running = await lake.open();
    await rm(path.join(lake.metadata, 'v3.metadata.json'));
    const lost = {
      code: 'KS_TABLE_CORRUPT',
      message: expect.stringMatching(/v3\.metadata\.json is missing.*newest that is there is 2/),
      hint: expect.stringContaining('version-hint.text'),
    };
    await expect((await lake.open()).load('a.b')).rejects.toMatchObject(lost);
    await expect(running.load('a.b')).rejects.toMatchObject(lost);
    await writeFile(path.join(lake.metadata, 'version-hint.text'), '2');
    expect((await running.load('a.b'))?.token).toBe('2');
  });

  it('tells that all versions were lost instead of beginning anew', async () => {
    const lake = await lakeAt(2);
    for (const n of [1, 2]) await rm(path.join(lake.metadata, `v${n}.metadata.json`));
    await expect((await lake.open()).load('a.b')).rejects.toMatchObject({ code: 'KS_TABLE_CORRUPT' });
  });

  it.each([['1'], [''], ['not a number']])('finds the newest version under a hint that says "%s"', async (hint) => {
    const lake = await lakeAt(3);
    await writeFile(path.join(lake.metadata, 'version-hint.text'), hint);
    expect((await (await lake.open()).load('a.b'))?.token).toBe('3');
  });

  it('goes past a missing version in the middle to the one of the hint', async () => {
    const lake = await lakeAt(3);
    await rm(path.join(lake.metadata, 'v2.metadata.json'));
    expect((await (await lake.open()).load('a.b'))?.token).toBe('3');
  });
});

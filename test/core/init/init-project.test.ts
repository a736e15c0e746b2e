import { appendFile, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/core/config/load-config.js';
import { loadContracts } from '../../../src/core/contract/load-contracts.js';
import { loadModels } from '../../../src/core/gold/load-models.js';
import { initProject } from '../../../src/core/init/init-project.js';
import { tempDir } from '../../support/temp-dir.js';

describe('initProject', () => {
  it('writes a project whose configuration, contracts and models are valid', async () => {
    const dir = path.join(await tempDir(), 'my shop');
    const made = await initProject({ dir });
    expect(made.files.every((file) => file.action === 'create')).toBe(true);
    const config = await loadConfig({ cwd: dir, env: {} });
    expect(config.project).toBe('my-shop');
    expect((await loadContracts(config.contracts)).size).toBe(9);
    expect((await loadModels(config.models)).length).toBeGreaterThanOrEqual(7);
    expect(await readFile(path.join(dir, '.gitignore'), 'utf8')).toContain('lake/');
  });

  it('takes any folder name', async () => {
    for (const name of ['2017', 'null', 'a: b #c', '"quoted"', 'ünï cödé']) {
      const dir = path.join(await tempDir(), name);
      await initProject({ dir });
      await expect(loadConfig({ cwd: dir, env: {} })).resolves.toMatchObject({ projectDir: dir });
    }
  });

  it('is a no-op the second time, and leaves changed files alone unless forced', async () => {
    const dir = await tempDir();
    await initProject({ dir });
    expect((await initProject({ dir })).files.every((file) => file.action === 'unchanged')).toBe(true);
    const orders = path.join(dir, 'contracts', 'orders.odcs.yaml');
    await appendFile(orders, '# mine\n');
    await expect(initProject({ dir })).rejects.toMatchObject({
      code: 'KS_USAGE',
      message: expect.stringContaining('contracts/orders.odcs.yaml'),
    });
    expect(await readFile(orders, 'utf8')).toContain('# mine');
    expect(
      (await initProject({ dir, force: true })).files.filter((file) => file.action === 'overwrite').map((file) => file.path),
    ).toEqual(['contracts/orders.odcs.yaml']);
    expect(await readFile(orders, 'utf8')).not.toContain('# mine');
  });

  it('writes nothing on a dry run', async () => {
    const dir = await tempDir();
    const planned = await initProject({ dir, dryRun: true });
    expect(planned.files.length).toBeGreaterThan(10);
    expect(await readdir(dir)).toEqual([]);
  });
});

import { utimes } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runOrphans } from '../../../src/core/care/run-orphans.js';
import { STAGING_PREFIX } from '../../../src/core/table/data-path.js';
import { testLake } from '../../support/test-lake.js';

it('sweeps what a killed run staged, and leaves alone what may be under way', async () => {
  const { lake, dir } = await testLake();
  const store = await lake.store();
  for (const name of ['gone-0/part-0', 'gone-0/part-1', 'working-0/part-0'])
    await store.put(`${STAGING_PREFIX}${name}`, Buffer.from('rows'));
  const longAgo = new Date(Date.now() - 5 * 86_400_000);
  for (const name of ['part-0', 'part-1']) await utimes(path.join(dir, 'lake', STAGING_PREFIX, 'gone-0', name), longAgo, longAgo);
  const options = { tables: [], olderThan: '3d', progress: () => undefined, signal: new AbortController().signal };
  const expected = { staged: { files: 2, bytes: 8 }, totals: { files: 2, bytes: 8 } };
  expect(await runOrphans(lake, { ...options, dryRun: true, confirmed: false })).toMatchObject(expected);
  await expect(runOrphans(lake, { ...options, dryRun: false, confirmed: false })).rejects.toMatchObject({ code: 'KS_USAGE' });
  expect(await runOrphans(lake, { ...options, dryRun: false, confirmed: true })).toMatchObject(expected);
  const left: string[] = [];
  for await (const { key } of store.list(STAGING_PREFIX)) left.push(key);
  expect(left).toEqual([`${STAGING_PREFIX}working-0/part-0`]);
});

import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runDemo } from '../../../src/core/demo/run-demo.js';
import { systemEffects } from '../../support/effects.js';
import { tempDir } from '../../support/temp-dir.js';

it('ends with every seeded fault where it belongs and a closed account', async () => {
  const report = await runDemo({
    keep: path.join(await tempDir(), 'kept'),
    source: null,
    events: 500,
    seed: 3,
    effects: systemEffects(),
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  expect(report.faults.flatMap(({ misplaced }) => misplaced)).toEqual([]);
  expect(report.rows.filter(({ expected, found }) => expected !== found)).toEqual([]);
  expect(report.account.breaks).toEqual([]);
  expect(report.passed).toBe(true);
});

it('does not mix with a folder that holds something', async () => {
  const dir = await tempDir();
  await writeFile(path.join(dir, 'note.txt'), 'mine');
  await expect(
    runDemo({
      keep: dir,
      source: null,
      events: 2000,
      seed: 3,
      effects: systemEffects(),
      signal: new AbortController().signal,
      onProgress: () => undefined,
    }),
  ).rejects.toMatchObject({ code: 'KS_USAGE' });
  expect(await readdir(dir)).toEqual(['note.txt']);
});

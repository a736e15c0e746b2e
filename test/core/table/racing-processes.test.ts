/** Real processes on one table: they race, and one is killed again and again in the middle of its commits. */
import { execFile, spawn } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { tempDir } from '../../support/temp-dir.js';
import { freshTable } from './orders-table.js';

const run = promisify(execFile);
const project = path.resolve(import.meta.dirname, '../../..');

/** Commits until told to stop or until `commits` are done, printing a line for each one that succeeded. */
const WRITER = `
import { randomBytes } from 'node:crypto';
import { openFolderStore } from './js/core/store/folder-store.js';
import { openFolderCatalog } from './js/core/table/folder-catalog.js';
import { openTable } from './js/core/table/table.js';
const [dir, name, commits] = process.argv.slice(2);
const effects = { clock: { nowMs: () => Date.now(), sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)) }, randomBytes: (n) => randomBytes(n) };
const store = await openFolderStore(dir);
const table = await openTable(openFolderCatalog(store), store, 'silver.orders', effects);
for (let i = 0; i < Number(commits); i++) {
  const file = { path: table.location + '/data/' + name + '-' + i + '.parquet', recordCount: 1, sizeBytes: 1, partition: { purchased_at_day: 1 }, metrics: {}, specId: 0 };
  const next = (await table.state()).nextOffsets.get(name)?.get(0) ?? 0;
  const outcome = await table.commit({ add: [file], fence: { ranges: [{ topic: name, partition: 0, expectedNext: next, endExclusive: next + 1 }] } });
  if (outcome.kind !== 'committed') throw new Error(JSON.stringify(outcome));
  console.log(name + '-' + i);
}
`;

it('keep every commit that was acknowledged, also when one of them is killed', async () => {
  const { dir, table } = await freshTable();
  const scripts = await tempDir();
  await symlink(path.join(project, 'node_modules'), path.join(scripts, 'node_modules'));
  await writeFile(path.join(scripts, 'package.json'), '{"type":"module"}');
  await writeFile(path.join(scripts, 'writer.js'), WRITER);
  const sources = ['store/folder-store.ts', 'table/folder-catalog.ts', 'table/table.ts'].map((file) =>
    path.join(project, 'src/core', file),
  );
  await run(process.execPath, [
    path.join(project, 'node_modules/typescript/bin/tsc'),
    '--ignoreConfig',
    '--noCheck',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--types',
    'node',
    '--rootDir',
    path.join(project, 'src'),
    '--outDir',
    path.join(scripts, 'js'),
    ...sources,
  ]);

  const acknowledged: string[] = [];
  const start = (name: string, commits: number) => {
    const child = spawn(process.execPath, [path.join(scripts, 'writer.js'), dir, name, String(commits)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.on('data', (chunk: Buffer) => acknowledged.push(...chunk.toString().split('\n').filter(Boolean)));
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { child, ended };
  };
  const steady = [start('a', 25), start('b', 25)];
  for (let round = 0; round < 4; round++) {
    const victim = start(`victim${round}`, 1000);
    await new Promise<void>((resolve) => victim.child.stdout.once('data', () => setTimeout(resolve, 40)));
    victim.child.kill('SIGKILL');
    await victim.ended;
  }
  expect(await Promise.all(steady.map(({ ended }) => ended))).toEqual([0, 0]);

  const names = (await table.scan()).files.map((file) => path.basename(file.path, '.parquet'));
  expect(new Set(names).size).toBe(names.length);
  expect(acknowledged.filter((name) => !names.includes(name))).toEqual([]);
  // Of a killed process at most the commit under way is there without an acknowledgement.
  expect(names.length - acknowledged.length).toBeLessThanOrEqual(4);
  const { nextOffsets } = await table.state();
  for (const [topic, partitions] of nextOffsets) {
    expect(partitions.get(0)).toBe(names.filter((name) => name.startsWith(`${topic}-`)).length);
  }
});

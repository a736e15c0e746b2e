/** Expiry, orphans and relocation as a person calls them. */
import { cp, rename, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { RunExpireResult } from '../../../src/core/care/run-expire.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import { runCli } from '../../support/cli-process.js';
import { appendEvents, smallProject } from '../../support/small-project.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';

interface Envelope<T> {
  readonly result: T;
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}

const cli = async <T>(cwd: string, ...args: readonly string[]): Promise<Envelope<T> & { readonly code: number | null }> => {
  const { code, stdout } = await runCli([...args, '--json'], { cwd });
  return { code, ...(JSON.parse(stdout) as Envelope<T>) };
};

/** The consumer runs in this process: starting it anew for each round would take most of the test's time. */
async function consumedProject(rounds: number): Promise<string> {
  const cwd = await smallProject(0);
  const { lake } = await testLake({ dir: cwd });
  for (let round = 0; round < rounds; round += 1) {
    await appendEvents(cwd, 3);
    await runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal });
  }
  await lake.close();
  return cwd;
}

test('table expire: a dry run, the agreement, the work, and its wrong uses', { timeout: 120_000 }, async () => {
  const cwd = await consumedProject(3);
  const policy = ['--keep', '1', '--older-than', '0s', '--force'];
  const dry = await cli<RunExpireResult>(cwd, 'table', 'expire', '--dry-run', ...policy);
  expect(dry).toMatchObject({ code: 0, result: { dryRun: true } });
  expect(dry.result.totals.expiredSnapshots).toBeGreaterThan(1);
  const unasked = await cli(cwd, 'table', 'expire', ...policy);
  expect(unasked).toMatchObject({ code: 2, error: { code: 'KS_USAGE', hint: expect.stringContaining('--yes') } });
  const done = await cli<RunExpireResult>(cwd, 'table', 'expire', '--yes', ...policy);
  expect(done.result).toEqual({ ...dry.result, dryRun: false });
  expect((await runCli(['ledger', 'verify', '--deep'], { cwd })).code).toBe(0);
  const again = await runCli(['table', 'expire', 'bronze.events', ...policy], { cwd });
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('Done. 0 snapshots expired') });

  expect(await cli(cwd, 'table', 'expire', 'silver.nope')).toMatchObject({ code: 2, error: { code: 'KS_NOT_FOUND' } });
  expect(await cli(cwd, 'table', 'expire', '--older-than', '10s', '--yes')).toMatchObject({
    code: 2,
    error: { code: 'KS_USAGE', hint: expect.stringContaining('--force') },
  });
  expect(await cli(cwd, 'table', 'expire', '--older-than', 'soon')).toMatchObject({ code: 2, error: { code: 'KS_USAGE' } });
});

test('table orphans: a dry run, the agreement, the work, and its wrong uses', { timeout: 120_000 }, async () => {
  const cwd = await consumedProject(1);
  const stray = path.join(cwd, 'lake/bronze/events/data/stray.parquet');
  await writeFile(stray, 'left by a crash');
  const young = await cli(cwd, 'table', 'orphans');
  expect(young).toMatchObject({ code: 0, result: { totals: { files: 0 } } });
  await utimes(stray, new Date(0), new Date(0));
  const dry = await cli(cwd, 'table', 'orphans', '--dry-run');
  expect(dry).toMatchObject({ code: 0, result: { totals: { files: 1, bytes: 15 } } });
  expect(await cli(cwd, 'table', 'orphans')).toMatchObject({ code: 2, error: { code: 'KS_USAGE' } });
  const done = await runCli(['table', 'orphans', 'bronze', '--older-than', '1h', '--yes'], { cwd });
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('bronze/events/data/stray.parquet') });
  expect(done.stderr).toContain('Done. 1 file removed, 15 bytes free.');
  expect(await cli(cwd, 'table', 'orphans', '--older-than', '5m')).toMatchObject({ code: 2, error: { code: 'KS_USAGE' } });
  expect(await cli(cwd, 'table', 'orphans', 'gold')).toMatchObject({ code: 2, error: { code: 'KS_NOT_FOUND' } });
});

test('table relocate: nothing to do, a copy, a move', { timeout: 120_000 }, async () => {
  const cwd = await consumedProject(1);
  const nothing = await runCli(['table', 'relocate'], { cwd });
  expect(nothing).toMatchObject({ code: 0, stderr: expect.stringContaining('Nothing to do') });
  const copy = path.join(await tempDir(), 'copy of it');
  await cp(cwd, copy, { recursive: true });
  const lost = await cli(copy, 'query', 'SELECT count(*) AS n FROM bronze.events');
  expect(lost).toMatchObject({ code: 5, error: { code: 'KS_STORE', hint: expect.stringContaining('keystone table relocate') } });
  expect(await cli(copy, 'table', 'relocate')).toMatchObject({
    code: 2,
    error: { code: 'KS_USAGE', message: expect.stringContaining('is a copy'), hint: expect.stringContaining('--force') },
  });
  await rename(path.join(cwd, 'lake'), path.join(cwd, 'gone'));
  const dry = await cli<{ readonly tables: readonly unknown[] }>(copy, 'table', 'relocate', '--dry-run');
  expect(dry.result.tables.length).toBeGreaterThan(2);
  const done = await runCli(['table', 'relocate'], { cwd: copy });
  expect(done).toMatchObject({ code: 0, stdout: expect.stringContaining('bronze.events') });
  expect((await runCli(['ledger', 'verify', '--deep'], { cwd: copy })).code).toBe(0);
  await appendEvents(copy, 3);
  const consumed = await cli(copy, 'consume', 'run', '--until-caught-up');
  expect(consumed).toMatchObject({ code: 0, result: { landed: 3 } });
});

import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RollbackResult } from '../../../src/core/rollback/rollback-tables.js';
import { runCli, startCli } from '../../support/cli-process.js';
import {
  appendMixed,
  catchUp,
  contentsOf,
  expectClosed,
  pause,
  startConsumer,
  violentProject,
} from '../../support/violent-project.js';

/** Two rounds of events: the first is what `previous` goes back to. */
async function twoRounds(): Promise<string> {
  const cwd = await violentProject({ events: 40, seed: 31 }, 500);
  await catchUp(cwd);
  await appendMixed(cwd, { events: 40, seed: 32, prefix: 'second-' });
  await catchUp(cwd);
  return cwd;
}

const metadataFiles = async (cwd: string): Promise<number> =>
  (await readdir(path.join(cwd, 'lake'), { recursive: true })).filter((name) => name.endsWith('.metadata.json')).length;

describe('table rollback', { timeout: 120_000 }, () => {
  it('tells, does, and leaves the rest to the consumer', async () => {
    const cwd = await twoRounds();
    const rollback = (...args: readonly string[]): ReturnType<typeof runCli> => runCli(['table', 'rollback', ...args], { cwd });
    const before = await contentsOf(cwd);
    const dry = await rollback('silver.orders', '--to', 'previous', '--dry-run', '--json');
    const planned = (JSON.parse(dry.stdout) as { result: RollbackResult }).result;
    expect(planned).toMatchObject({ kind: 'derived', eventsAgain: 40, dryRun: true });
    const unconfirmed = await rollback('silver.orders', '--to', 'previous');
    expect(unconfirmed).toMatchObject({ code: 2, stderr: expect.stringContaining('with --yes does it') });
    const consumer = startConsumer(cwd);
    await expect
      .poll(() => runCli(['consume', 'status', '--json'], { cwd }).then(({ stdout }) => stdout), { timeout: 30_000 })
      .toContain('"held"');
    const beside = await rollback('silver.orders', '--to', 'previous', '--yes');
    expect(beside).toMatchObject({ code: 6, stderr: expect.stringContaining('KS_LEASE_HELD') });
    consumer.child.kill('SIGTERM');
    await consumer.ended;
    expect(await contentsOf(cwd)).toEqual(before);
    const done = await rollback('silver.orders', '--to', 'previous', '--yes');
    expect(done.code, done.stderr).toBe(0);
    expect(done.stderr).toMatch(
      /Done\. \d+ tables back in [\d.]+ s; 40 events come again, none is lost\. Next: keystone consume run/,
    );
    expect((await expectClosed(cwd, 'rolled back')).totals.unprocessed).toBe(40);
    await catchUp(cwd);
    await expectClosed(cwd, 'derived again');
    expect(await contentsOf(cwd)).toEqual(before);
    const wrong = await Promise.all([
      rollback('silver.orders'),
      rollback('silver.orders', '--to', '42'),
      rollback('nothing.here', '--to', 'previous'),
    ]);
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2]);
  });

  it('is finished by the same command after kill -9', async () => {
    const cwd = await twoRounds();
    const before = await contentsOf(cwd);
    const args = ['table', 'rollback', 'silver.orders', '--to', 'previous', '--yes'];
    const atStart = await metadataFiles(cwd);
    const killed = startCli(args, { cwd });
    while (killed.child.exitCode === null && (await metadataFiles(cwd)) < atStart + 3) await pause(1);
    killed.child.kill('SIGKILL');
    const end = await killed.ended;
    const marked = (await metadataFiles(cwd)) - atStart;
    expect(marked).toBeGreaterThanOrEqual(3);
    if (end.code === null && marked < 12) {
      const refused = await runCli(['consume', 'run', '--until-caught-up'], { cwd });
      expect(refused).toMatchObject({
        code: 3,
        stderr: expect.stringMatching(/keystone table rollback silver\.orders --to \d+ --yes/),
      });
      const finished = await runCli(args, { cwd });
      expect(finished.code, finished.stderr).toBe(0);
    }
    await expectClosed(cwd, 'rolled back');
    await catchUp(cwd);
    await expectClosed(cwd, 'derived again');
    expect(await contentsOf(cwd)).toEqual(before);
  });
});

/** `consume run` that is asked to stop, or that meets a full disk: it ends in good order and goes on later. */
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli } from '../support/cli-process.js';
import { seededRandom } from '../support/mixed-events.js';
import { tempDir } from '../support/temp-dir.js';
import {
  CAUGHT_UP,
  catchUp,
  contentsOf,
  copyOf,
  expectClosed,
  openLake,
  pause,
  startConsumer,
  verify,
  violentProject,
} from '../support/violent-project.js';

const STOPS = process.env['KEYSTONE_SOAK'] === '1' ? 40 : 6;

describe.skipIf(!isBuilt())('a consumer that is stopped (needs npm run build)', { timeout: 300_000 }, () => {
  it('ends promptly and in good order at any moment, and loses nothing', async () => {
    const dir = await violentProject({ events: 600, seed: 31 });
    const undisturbed = await copyOf(dir);
    const random = seededRandom(32);
    let interrupted = 0;
    const lake = await openLake(dir);
    onTestFinished(() => lake.close());
    const newestRun = async (): Promise<string | undefined> =>
      (await (await lake.state()).listRuns({ command: 'consume run', limit: 1 }))[0]?.id;
    for (let stop = 0; stop < STOPS; stop++) {
      const signal = stop % 2 === 0 ? 'SIGTERM' : 'SIGINT';
      const continuous = stop % 3 === 0;
      const before = await newestRun();
      const consumer = startConsumer(dir, continuous ? ['--json'] : CAUGHT_UP);
      // However long it takes to start; the second one has everything before it then.
      await expect.poll(async () => (await newestRun()) !== before, { interval: 20, timeout: 60_000 }).toBe(true);
      if (stop !== 1) await pause(random() * 900);
      const stillRunning = consumer.child.exitCode === null;
      const askedAtMs = Date.now();
      consumer.child.kill(signal);
      const end = await consumer.ended;
      const said = `${signal} ${continuous ? 'continuous' : 'until caught up'}: ${end.code} ${end.stderr} ${end.stdout}`;
      expect(Date.now() - askedAtMs, said).toBeLessThan(10_000);
      // Before the command has begun, a signal ends the process as it ends any program.
      if (end.code === null) expect(end.stderr, said).toBe('');
      else if (continuous || !stillRunning) expect(end.code, said).toBe(0);
      else if (end.code !== 0) {
        interrupted += 1;
        expect(end.code, said).toBe(6);
        expect(JSON.parse(end.stdout), said).toMatchObject({ error: { code: 'KS_INTERRUPTED' } });
      }
      const account = await expectClosed(dir, said);
      expect(account.inFlight, said).toEqual([]);
    }
    expect(interrupted).toBeGreaterThan(0);
    await catchUp(dir);
    await expectClosed(dir, 'caught up');
    await catchUp(undisturbed);
    expect(await contentsOf(dir)).toEqual(await contentsOf(undisturbed));
  });

  it('tells that the disk is full, and goes on when there is room', async (context) => {
    const mount = path.join(await tempDir(), 'disk');
    await mkdir(mount);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2500k', 'tmpfs', mount]).status !== 0)
      context.skip('may not mount a tmpfs');
    onTestFinished(() => void spawnSync('umount', [mount]));
    const dir = await violentProject({ events: 600, seed: 33 });
    await writeFile(
      path.join(dir, 'keystone.yaml'),
      `version: 1\nconsume: { leaseTtl: 1s, flushRows: 40 }\nprofiles: { local: { store: { path: ${mount}/lake } } }\n`,
    );
    const { code, stdout, stderr } = await runCli(['consume', 'run', ...CAUGHT_UP], { cwd: dir });
    expect([5, 6], stdout + stderr).toContain(code);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'KS_STORE', message: expect.stringMatching(/ENOSPC|full|space/i) as string },
    });
    const half = await verify(dir);
    expect(half.breaks).toEqual([]);
    expect(half.totals.pending + half.totals.unprocessed).toBeGreaterThan(0);
    expect(spawnSync('mount', ['-o', 'remount,size=200m', mount]).status).toBe(0);
    await catchUp(dir);
    expect(await verify(dir)).toMatchObject({ closed: true, totals: { pending: 0, bronze: 600 } });
  });
});

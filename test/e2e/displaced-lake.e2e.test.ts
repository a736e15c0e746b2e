/** A lake that is moved away, copied or lost is said to be so; nothing is built in its place. */
import { cp, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, startCli } from '../support/cli-process.js';
import { appendEvents, smallProject } from '../support/small-project.js';
import { tempDir } from '../support/temp-dir.js';

const there = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

describe.skipIf(!isBuilt())('a lake that is not where it was', { timeout: 120_000 }, () => {
  it('ends a running consumer and is not made anew by it; an empty one in its place is noticed', async () => {
    const cwd = await smallProject(30);
    const consumer = startCli(['consume', 'run', '--flush-interval', '100ms'], { cwd });
    onTestFinished(() => void consumer.child.kill('SIGKILL'));
    const ledger = path.join(cwd, 'lake', 'ledger', 'dispositions', 'metadata', 'v2.metadata.json');
    while (!(await there(ledger)) && consumer.child.exitCode === null) await sleep(50);
    await rename(path.join(cwd, 'lake'), path.join(cwd, 'elsewhere'));
    await appendEvents(cwd, 30);
    const { code, stderr } = await consumer.ended;
    expect(stderr).toContain('is not there any more');
    expect({ code, made: await there(path.join(cwd, 'lake')) }).toEqual({ code: 5, made: false });

    const verified = await runCli(['ledger', 'verify', '--deep'], { cwd });
    expect(verified.stderr).toMatch(/Warning: lakehouse-enterprise-writers has consumed .* is empty: is it the right lake\?/);
  });

  it('when it is a copy, is not consumed into, and lists and histories warn of it', async () => {
    const made = await smallProject(30);
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd: made })).code).toBe(0);
    const cwd = path.join(await tempDir(), 'copy');
    await cp(made, cwd, { recursive: true });
    const consumed = await runCli(['consume', 'run', '--until-caught-up'], { cwd });
    expect(consumed).toMatchObject({ code: 5, stderr: expect.stringMatching(/was written in [^]*keystone table relocate/) });
    for (const args of [
      ['table', 'list'],
      ['table', 'history', 'bronze.events'],
    ]) {
      const listed = await runCli(args, { cwd });
      expect(listed).toMatchObject({ code: 0, stderr: expect.stringMatching(/Warning: .*keystone table relocate/) });
      expect((await runCli(args, { cwd: made })).stderr).not.toContain('Warning');
    }
  });

  it('keeps snapshots for a minute at least while it is cared for', async () => {
    const cwd = await smallProject(0);
    const run = ['consume', 'run', '--until-caught-up', '--set', 'care.keepFor=20s'];
    expect(await runCli(run, { cwd })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/KS_CONFIG[^]*care\.keepFor is 20 s[^]*1m/),
    });
    expect((await runCli([...run, '--set', 'care.automatic=false'], { cwd })).code).toBe(0);
  });
});

import { cp } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, startCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

describe.skipIf(!isBuilt())('degrade commands (need npm run build)', () => {
  it('hold back what the level leaves no room for, in every process, until the level is full again', async () => {
    const cwd = await smallProject(5);
    await cp(path.resolve('templates/models'), path.join(cwd, 'models'), { recursive: true });
    const json = async (...args: readonly string[]) => {
      const { code, stdout } = await runCli([...args, '--json'], { cwd });
      return { code, ...(JSON.parse(stdout) as Record<'result' | 'error', Record<string, unknown>>) };
    };
    expect(await json('degrade', 'set', 'minimal', '--for', '1h', '--reason', 'a drill')).toMatchObject({
      code: 0,
      result: { level: 'minimal', mode: 'manual', automatic: 'full' },
    });
    expect(await json('gold', 'run')).toMatchObject({ code: 5, error: { code: 'KS_DEGRADED' } });
    expect(await json('gold', 'run', '--force')).not.toMatchObject({ error: { code: 'KS_DEGRADED' } });
    expect(await json('consume', 'run', '--until-caught-up')).toMatchObject({ code: 5, error: { code: 'KS_DEGRADED' } });

    const consumer = startCli(['consume', 'run', '--set', 'consume.flushInterval=100ms'], { cwd });
    onTestFinished(async () => {
      consumer.child.kill('SIGKILL');
      await consumer.ended;
    });
    await expect.poll(() => consumer.stderr(), { timeout: 60_000 }).toContain('derivation waits');
    const pending = async (): Promise<unknown> => (await json('consume', 'status')).result['pendingDerivation'];
    await expect.poll(pending, { timeout: 60_000, interval: 500 }).toBe(5);
    const rows = (await runCli(['query', 'SELECT count(*)::INT AS n FROM bronze.events', '--json'], { cwd })).stdout;
    expect(JSON.parse(rows)).toMatchObject({ result: { rows: [{ n: 5 }] } });
    expect(await json('degrade', 'auto')).toMatchObject({ result: { level: 'full', mode: 'automatic' } });
    await expect.poll(pending, { timeout: 60_000, interval: 500 }).toBe(0);
    expect(consumer.stderr()).toContain('derivation goes on');
    const status = await runCli(['degrade', 'status'], { cwd });
    expect(status.stdout).toContain('level: full → minimal  (set by');
  });

  it('refuses words that are no level and times that are none', async () => {
    const cwd = await smallProject(0);
    expect((await runCli(['degrade', 'set', 'half'], { cwd })).code).toBe(2);
    expect((await runCli(['degrade', 'set', 'minimal', '--for', 'soon'], { cwd })).code).toBe(2);
  });
});

import { cp } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../../src/core/config/load-config.js';
import { consumeStatus } from '../../../src/core/consume/consume-status.js';
import { openLakehouse } from '../../../src/core/lakehouse.js';
import { isBuilt, runCli, startCli } from '../../support/cli-process.js';
import { systemEffects } from '../../support/effects.js';
import { smallProject } from '../../support/small-project.js';

/** For what needs seconds where the machine is its own, and minutes where it is shared. */
const PATIENCE = { timeout: 240_000 };

describe.skipIf(!isBuilt())('degrade commands (need npm run build)', () => {
  it(
    'hold back what the level leaves no room for, in every process, until the level is full again',
    { timeout: 300_000 },
    async () => {
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
      const [refused, forced, caughtUp] = await Promise.all([
        json('gold', 'run'),
        json('gold', 'run', '--force'),
        json('consume', 'run', '--until-caught-up'),
      ]);
      expect(refused).toMatchObject({ code: 5, error: { code: 'KS_DEGRADED' } });
      expect(forced).not.toMatchObject({ error: { code: 'KS_DEGRADED' } });
      expect(caughtUp).toMatchObject({ code: 5, error: { code: 'KS_DEGRADED' } });

      const consumer = startCli(['consume', 'run', '--set', 'consume.flushInterval=100ms'], { cwd });
      onTestFinished(async () => {
        consumer.child.kill('SIGKILL');
        await consumer.ended;
      });
      const lake = openLakehouse(await loadConfig({ cwd, env: {} }), systemEffects());
      onTestFinished(() => lake.close());
      const pending = async (): Promise<readonly number[]> => {
        const { pendingLanding, pendingDerivation } = await consumeStatus(lake, { runs: 0 });
        return [pendingLanding, pendingDerivation];
      };
      await expect.poll(() => consumer.stderr(), PATIENCE).toContain('derivation waits');
      await expect.poll(pending, PATIENCE).toEqual([0, 5]);
      expect(await json('degrade', 'auto')).toMatchObject({ result: { level: 'full', mode: 'automatic' } });
      await expect.poll(pending, PATIENCE).toEqual([0, 0]);
      expect(consumer.stderr()).toContain('derivation goes on');
      const status = await runCli(['degrade', 'status'], { cwd });
      expect(status.stdout).toContain('level: full → minimal  (set by');
    },
  );

  it('refuses words that are no level and times that are none', async () => {
    const cwd = await smallProject(0);
    expect((await runCli(['degrade', 'set', 'half'], { cwd })).code).toBe(2);
    const { code, stdout } = await runCli(['degrade', 'set', 'minimal', '--for', 'soon', '--json'], { cwd });
    expect([code, JSON.parse(stdout)]).toMatchObject([
      2,
      { error: { code: 'KS_USAGE', hint: expect.stringContaining('1s is the least') as string }, degradation: { level: 'full' } },
    ]);
    const nowhere = await runCli(['lag', 'publish', '--once', '--json'], { cwd });
    expect(JSON.parse(nowhere.stdout)).toMatchObject({ error: { code: 'KS_CONFIG' }, degradation: { level: 'full' } });
  });
});

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ConsumeStatus } from '../../../src/core/consume/consume-status.js';
import { runCli, startCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

describe('consume status', () => {
  it('follows a consumer: nobody, then its lease and nothing pending, then the run that ended', async () => {
    const cwd = await smallProject(6);
    const status = async (): Promise<ConsumeStatus> => {
      const { code, stdout } = await runCli(['consume', 'status', '--json'], { cwd });
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { result: ConsumeStatus }).result;
    };
    const before = await status();
    expect(before).toMatchObject({ lease: { kind: 'free' }, pendingLanding: 6, pendingDerivation: 6, lastRuns: [] });
    const consumer = startCli(['consume', 'run', '--flush-interval', '100ms'], { cwd });
    onTestFinished(() => void consumer.child.kill('SIGKILL'));
    let during = await status();
    for (let tries = 0; tries < 100 && during.pendingDerivation > 0; tries++) {
      await delay(100);
      during = await status();
    }
    expect(during).toMatchObject({
      lease: { kind: 'held' },
      pendingLanding: 0,
      pendingDerivation: 0,
      lastRuns: [{ status: 'running' }],
    });
    consumer.child.kill('SIGTERM');
    await consumer.ended;
    const after = await status();
    expect(after).toMatchObject({
      lease: { kind: 'free' },
      pendingDerivation: 0,
      lastRuns: [{ command: 'consume run', status: 'succeeded' }],
    });
    expect((await runCli(['consume', 'status'], { cwd })).stdout).toContain('Nobody is consuming.');
  });
});

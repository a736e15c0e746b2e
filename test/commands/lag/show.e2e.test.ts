import { describe, expect, it } from 'vitest';
import type { Lag } from '../../../src/core/lag/measure-lag.js';
import { runCli } from '../../support/cli-process.js';
import { appendEvents, DEFAULT_TOPIC, smallProject } from '../../support/small-project.js';

describe('lag show', () => {
  it('counts what the lake does not hold: all at first, nothing once consumed, then what came after', async () => {
    const cwd = await smallProject(9);
    const lag = async (): Promise<Lag> => {
      const { code, stdout } = await runCli(['lag', 'show', '--json'], { cwd });
      expect(code).toBe(0);
      return (JSON.parse(stdout) as { result: Lag }).result;
    };
    const before = await lag();
    expect(before.total).toMatchObject({ endOffset: 9, lakeOffset: 0, lagEvents: 9 });
    expect(before.total.lagSeconds).toBeGreaterThan(0);
    expect(before.partitions.map((p) => p.committedOffset)).toEqual([null, null, null]);
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);
    const caughtUp = await lag();
    expect(caughtUp.total).toEqual({ endOffset: 9, lakeOffset: 9, lagEvents: 0, lagSeconds: 0 });
    expect(caughtUp.partitions.map((p) => p.committedOffset)).toEqual([3, 3, 3]);
    await appendEvents(cwd, 1);
    expect((await lag()).partitions.map((p) => p.lagEvents)).toEqual([1, 0, 0]);
  });

  it('prints a row for each partition as CSV, and its total line on standard error', async () => {
    const cwd = await smallProject(4);
    const { stdout, stderr } = await runCli(['lag', 'show', '--output', 'csv', '--columns', 'partition,endOffset,lagEvents'], {
      cwd,
    });
    expect(stdout.trim().split(/\r?\n/)).toEqual(['partition,endOffset,lagEvents', '0,2,2', '1,1,1', '2,1,1']);
    expect(stderr).toContain(`Done. ${DEFAULT_TOPIC} is 4 events`);
  });

  it('ends with code 2 and says what to do when the topic does not exist', async () => {
    const cwd = await smallProject(0);
    const { code, stdout } = await runCli(['lag', 'show', '--json'], { cwd });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'KS_NOT_FOUND', hint: expect.stringContaining('keystone ingest') },
    });
  });
});

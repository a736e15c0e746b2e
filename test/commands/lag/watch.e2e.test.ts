import { describe, expect, it } from 'vitest';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readFile, rename, stat } from 'node:fs/promises';
import path from 'node:path';
import type { LagSample } from '../../../src/core/lag/watch-lag.js';
import { runCli, startCli } from '../../support/cli-process.js';
import { appendEvents, smallProject } from '../../support/small-project.js';

const BIN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));
const samplesOf = (stdout: string): LagSample[] =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as LagSample);

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 400 && !holds(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(holds()).toBe(true);
}

describe('lag watch, where no terminal is', () => {
  it('prints one JSON line for each sample, its numbers those of lag show, and ends after --count', async () => {
    const cwd = await smallProject(9);
    const { code, stdout, stderr } = await runCli(['lag', 'watch', '--interval', '100ms', '--count', '3'], { cwd });
    expect(code).toBe(0);
    const samples = samplesOf(stdout);
    expect(samples.map(({ sample }) => sample)).toEqual([1, 2, 3]);
    const shown = await runCli(['lag', 'show', '--json'], { cwd });
    const { partitions, total } = (JSON.parse(shown.stdout) as { result: { partitions: object[]; total: object } }).result;
    samples[2]?.partitions.forEach((partition, n) =>
      expect(partition).toMatchObject({ ...partitions[n], lagSeconds: expect.any(Number) }),
    );
    expect(samples[2]?.total).toMatchObject({ ...total, lagSeconds: expect.any(Number), inPerSecond: 0, outPerSecond: 0 });
    expect(stderr).toContain('Done. 3 samples');
  });

  it('prints the same with --json and with --output ndjson, and nothing around it', async () => {
    const cwd = await smallProject(3);
    for (const flags of [['--json'], ['--output', 'ndjson'], ['--output', 'json']]) {
      const { code, stdout } = await runCli(['lag', 'watch', '--count', '1', '--quiet', ...flags], { cwd });
      expect(code).toBe(0);
      expect(samplesOf(stdout)).toHaveLength(1);
    }
  });

  it('goes on while the log is away, says so in its lines, and makes no log of its own; SIGTERM ends it well', async () => {
    const cwd = await smallProject(6);
    const log = path.join(cwd, '.keystone', 'log.db');
    const watch = startCli(['lag', 'watch', '--json', '--interval', '100ms'], { cwd });
    await until(() => samplesOf(watch.stdout()).length >= 2);
    await rename(log, `${log}.away`);
    await until(() => samplesOf(watch.stdout()).some(({ stale }) => stale));
    await expect(stat(log)).rejects.toMatchObject({ code: 'ENOENT' });
    await rename(`${log}.away`, log);
    await until(() => samplesOf(watch.stdout()).at(-1)?.stale === false);
    await appendEvents(cwd, 30);
    await until(() => samplesOf(watch.stdout()).at(-1)?.total.lagEvents === 36);
    expect(samplesOf(watch.stdout()).at(-1)?.total.inPerSecond).toBeGreaterThan(0);
    watch.child.kill('SIGTERM');
    const { code, stdout } = await watch.ended;
    expect(code).toBe(0);
    const stale = samplesOf(stdout).find((sample) => sample.stale);
    expect(stale?.error).toMatchObject({ code: 'KS_NOT_FOUND', message: expect.stringContaining(log) });
    expect(stale?.total.lagEvents).toBe(6);
  });

  it('ends with 0 when its reader has had enough, and with 143 when it is stopped before --count', async () => {
    const cwd = await smallProject(3);
    const child = spawn(
      'bash',
      ['-c', `"${process.execPath}" "${BIN}" lag watch --interval 100ms | head -1; echo "\${PIPESTATUS[0]}"`],
      {
        cwd,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
    await new Promise((resolve) => child.once('close', resolve));
    const [line = '', code] = stdout.trim().split('\n');
    expect(JSON.parse(line)).toMatchObject({ sample: 1 });
    expect(code).toBe('0');
    const counted = startCli(['lag', 'watch', '--interval', '100ms', '--count', '100000'], { cwd });
    await until(() => counted.stdout().includes('\n'));
    counted.child.kill('SIGTERM');
    expect((await counted.ended).code).toBe(143);
  });

  it.each([
    [['--output', 'csv'], 'ndjson'],
    [['--interval', 'soon'], '500ms'],
    [['--interval', '10ms'], '100ms'],
    [['--interval', '20s'], '--window'],
    [['--topic', 'nowhere'], '--topic'],
  ])('refuses %j and says what to do', async (flags, hint) => {
    const cwd = await smallProject(1);
    const { code, stderr } = await runCli(['lag', 'watch', ...flags], { cwd });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^Error KS_(USAGE|NOT_FOUND): /);
    expect(stderr.slice(stderr.indexOf('Try: '))).toContain(hint);
  });

  it('refuses a project without a log, and leaves none behind', async () => {
    const cwd = await smallProject(0);
    const { code, stdout } = await runCli(['lag', 'watch', '--json'], { cwd });
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'KS_NOT_FOUND', hint: expect.stringContaining('keystone ingest') },
    });
    await expect(readFile(path.join(cwd, '.keystone', 'log.db'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

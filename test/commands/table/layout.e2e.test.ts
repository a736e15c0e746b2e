import { describe, expect, it } from 'vitest';
import { runCli } from '../../support/cli-process.js';
import { appendEvents, smallProject } from '../../support/small-project.js';

describe('table layout', { timeout: 60_000 }, () => {
  it('shows, tries and sets the layout of bronze, and refuses what is not its own', async () => {
    const cwd = await smallProject(6);
    const layout = (...args: readonly string[]): ReturnType<typeof runCli> => runCli(['table', 'layout', ...args], { cwd });
    expect((await layout()).stderr).toContain('KS_NOT_FOUND');
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);
    const shown = await layout();
    expect(shown.stdout).toContain('bronze.events is partitioned by day(log_time)');
    expect(shown.stderr).toMatch(/Done\. day fits: .* today so far; hour from 1 TB a day/);
    const dry = await layout('bronze.events', '--to', 'hour', '--dry-run');
    expect(dry.stderr).toContain('Dry run. New files would be partitioned by hour(log_time); nothing was changed.');
    const set = await layout('bronze.events', '--to', 'hour+bucket:16:source', '--json');
    expect(JSON.parse(set.stdout)).toMatchObject({ result: { changed: true, specId: 1, from: 'day(log_time)' } });
    await appendEvents(cwd, 3);
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);
    expect(JSON.parse((await layout('--json')).stdout)).toMatchObject({
      result: { specs: [{ rows: 6 }, { rows: 3, current: true }], advice: { layout: 'day' } },
    });
    expect((await runCli(['ledger', 'verify', '--deep'], { cwd })).code).toBe(0);
    const wrong = await Promise.all([layout('--to', 'month'), layout('silver.orders', '--to', 'hour'), layout('--dry-run')]);
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2]);
    expect(wrong[1]?.stderr).toContain('belongs to its contract');
  });
});

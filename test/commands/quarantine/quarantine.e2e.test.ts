import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { QuarantineSamples } from '../../../src/core/quarantine/sample-quarantine.js';
import type { QuarantineStats } from '../../../src/core/quarantine/quarantine-stats.js';
import { runCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

describe('quarantine stats, search and samples', () => {
  it('tell the producer, find the event, and show what the rejects look like', async () => {
    const cwd = await smallProject(9);
    await writeFile(
      path.join(cwd, 'upload.csv'),
      'order_id,payment_sequential,payment_type,payment_installments,payment_value\na,x,boleto,1,5\nb,1,boleto,1,10.00\nc,1\n',
    );
    expect((await runCli(['ingest', 'csv', 'upload.csv', '--dataset', 'order_payments'], { cwd })).code).toBe(0);
    expect((await runCli(['consume', 'run', '--until-caught-up'], { cwd })).code).toBe(0);

    const stats = JSON.parse(
      (await runCli(['quarantine', 'stats', '--by', 'zone,source', '--since', '1d', '--json'], { cwd })).stdout,
    ) as {
      result: QuarantineStats;
    };
    expect(stats.result.rows[0]).toMatchObject({ zone: 'quarantine', events: 9, share: 1 });
    expect(stats.result.total).toBe(11);
    const screen = await runCli(['quarantine', 'stats', '--by', 'source,reason', '--from', '7d', '--dataset', 'order_payments'], {
      cwd,
    });
    expect(screen.stdout).toMatch(/^source +reason +events +share/);
    expect(screen.stdout).toMatch(/upload\.csv +invalid_csv +1 +33\.33 %/);
    expect(screen.stdout).toMatch(/upload\.csv +bad_type:payment_sequential +1 +33\.33 %/);
    expect(screen.stderr).toMatch(/Done\. 2 rejected events between .*, 2 of 2 groups/);

    for (const shape of [[], ['--sort', '-origin'], ['--filter', 'dataset=orders']]) {
      const cut = await runCli(['quarantine', 'list', '--limit', '2', '--json', ...shape], { cwd });
      const { result } = JSON.parse(cut.stdout) as { result: { rows: unknown[]; total: number } };
      expect([result.rows.length, result.total]).toEqual([2, 10]);
    }

    const anywhere = await runCli(['quarantine', 'search', '"N":7'], { cwd });
    expect(anywhere.stdout).toContain('{«"n":7»}');
    expect(anywhere.stderr).toMatch(
      /Done\. 1 of 1 events hold the text; look at one: keystone quarantine show olist-enterprise-events\/\d\/\d/,
    );

    const samples = JSON.parse((await runCli(['quarantine', 'samples', '--json'], { cwd })).stdout) as {
      result: QuarantineSamples;
    };
    expect(samples.result.shapes[0]).toMatchObject({ shape: '{n: number}', events: 9 });
    expect(samples.result.shapes[0]?.samples).toHaveLength(1);
    const torn = await runCli(['quarantine', 'samples', '--zone', 'error'], { cwd });
    expect(torn.stdout).toContain('CSV lines 4 to 4');
    expect(torn.stdout).toMatch(/\(\d+ bytes, CSV line 4\): c,1/);
  });

  it('name the datasets there are when one is asked for that nobody knows', async () => {
    const cwd = await smallProject(0);
    for (const command of [['list'], ['stats'], ['samples'], ['search', 'x']]) {
      const asked = await runCli(['quarantine', ...command, '--dataset', 'nope'], { cwd });
      expect(asked).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/Warning: there is no dataset "nope"; there are: .*orders/),
      });
      expect((await runCli(['quarantine', ...command, '--dataset', 'orders'], { cwd })).stderr).not.toContain('Warning');
    }
  });

  it('refuse wrong uses', async () => {
    const cwd = await smallProject(0);
    for (const [args, hint] of [
      [['quarantine', 'stats', '--by', 'producer'], 'count by zone, dataset, reason'],
      [['quarantine', 'search', '(', '--regex'], 'leave --regex away'],
      [['quarantine', 'stats', '--since', 'yesterday'], 'Try: write a day (2018-08-31)'],
    ] as const) {
      const end = await runCli(args, { cwd });
      expect(end, end.stderr).toMatchObject({ code: 2, stdout: '' });
      expect(end.stderr).toContain('KS_USAGE');
      expect(end.stderr).toContain(hint);
    }
  });
});

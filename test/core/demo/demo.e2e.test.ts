import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { DemoReport } from '../../../src/core/demo/demo-report.js';
import { isBuilt, runCli } from '../../support/cli-process.js';
import { tempDir } from '../../support/temp-dir.js';

describe.skipIf(!isBuilt())('keystone demo', () => {
  it('passes, prints a report of every fault, and leaves a project that works', async () => {
    const dir = await tempDir();
    const { code, stdout, stderr } = await runCli(['demo', '--events', '2000', '--keep', 'shop', '--json'], { cwd: dir });
    expect(stderr).toContain('account closed');
    expect(code).toBe(0);
    const { result, warnings }: { result: DemoReport; warnings: string[] } = JSON.parse(stdout);
    expect(warnings).toEqual([]);
    expect(result).toMatchObject({ passed: true, kept: true, sent: { events: 2000 }, account: { closed: true, mode: 'deep' } });
    expect(result.faults.length).toBeGreaterThan(20);

    const project = path.join(dir, 'shop');
    expect(await readdir(project)).toEqual(expect.arrayContaining(['keystone.yaml', 'contracts', 'models', 'lake']));
    const again = await runCli(['ledger', 'verify', '--json'], { cwd: project });
    expect(again.code).toBe(0);
    const query = await runCli(['query', 'SELECT count(*) AS n FROM silver.orders', '--json'], { cwd: project });
    const orders = result.rows.find(({ table }) => table === 'silver.orders');
    expect(JSON.parse(query.stdout)).toMatchObject({ result: { rows: [{ n: orders?.expected }] } });
  });

  it('tells a wrong use with exit code 2', async () => {
    const { code, stderr } = await runCli(['demo', '--events', '10'], { cwd: await tempDir() });
    expect(code).toBe(2);
    expect(stderr).toMatch(/500/);
  });
});

import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { isBuilt, runCli } from '../../support/cli-process.js';
import { putShop, smallShop } from '../../core/gold/small-shop.js';
import { silverLake } from '../../support/silver-lake.js';

describe.skipIf(!isBuilt())('from silver to answers on the command line', () => {
  it('plans, runs, asks, and reports in JSON with the right exit codes', async () => {
    const lakehouse = await silverLake();
    await putShop(lakehouse, smallShop());
    const { projectDir, configPath, contracts, models } = lakehouse.config;
    await writeFile(configPath, JSON.stringify({ version: 1, contracts, models }));
    const cli = (...args: readonly string[]) => runCli(args, { cwd: projectDir });
    const resultOf = async (...args: readonly string[]): Promise<Record<string, unknown>> =>
      JSON.parse((await cli(...args, '--json')).stdout).result;

    expect((await resultOf('gold', 'plan'))['models']).toHaveLength(7);
    const run = await cli('pipeline', 'run');
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr).toContain('7 gold models: 7 written');
    expect((await cli('gold', 'run')).stderr).toContain('0 written');

    expect(await resultOf('query', 'SELECT sum(total) AS total, count(*) AS n FROM gold.fact_sales')).toMatchObject({
      columns: [
        { name: 'total', type: 'DECIMAL(38,2)' },
        { name: 'n', type: 'BIGINT' },
      ],
      rows: [{ total: '128.25', n: 4 }],
    });
    const piped = await runCli(['query', '-', '--dialect', 'athena', '--output', 'csv'], {
      cwd: projectDir,
      input: 'SELECT 7 / 2 AS half',
    });
    expect(piped.stdout).toBe('half\n3\n');
    expect((await cli('gold', 'insight', 'growth', '--output', 'csv', '--columns', 'purchase_month,revenue')).stdout).toBe(
      'purchase_month,revenue\n2017-10,115.25\n2017-11,7.00\n',
    );

    const refused = await cli('query', 'DROP TABLE silver.orders', '--json');
    expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([2, 'KS_SQL']);
    const cut = await cli('query', 'SELECT * FROM range(250001)', '--json');
    expect(cut.code).toBe(2);
    const misplaced = await cli('gold', 'insight', 'growth', '--as-of', '2018-01-01');
    expect([misplaced.code, misplaced.stderr]).toEqual([2, expect.stringContaining('--as-of is for segments')]);
  });
});

/** `cost` and the limits of `query` through the command line, on a lake in a folder. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBuilt, runCli } from '../../support/cli-process.js';
import { putSilver, silverLake } from '../../support/silver-lake.js';

const ORDERS = `SELECT 'o' || i AS order_id, 'c1' AS customer_id, TIMESTAMP '2018-01-01 10:00:00' + to_days(i::INTEGER) AS order_purchase_timestamp FROM range(4) t(i)`;

describe.skipIf(!isBuilt())('what statements and storage cost', () => {
  it('is estimated, limited and reported', async () => {
    const lake = await silverLake();
    await putSilver(lake, 'orders', ORDERS);
    const { projectDir: cwd, contracts } = lake.config;
    await writeFile(path.join(cwd, 'keystone.yaml'), `version: 1\ncontracts: ${contracts}\n`);

    const estimate = await runCli(['cost', 'estimate', 'SELECT order_id FROM silver.orders', '--json'], { cwd });
    expect(JSON.parse(estimate.stdout)).toMatchObject({
      result: {
        tables: [{ table: 'silver.orders', files: 4, columns: 1, isPruned: false }],
        billedBytes: 10_000_000,
        dollars: 0.00005,
      },
      warnings: [expect.stringContaining('order_purchase_timestamp')],
    });
    const nothing = await runCli(['cost', 'estimate', 'DROP TABLE silver.orders', '--json'], { cwd });
    expect([nothing.code, JSON.parse(nothing.stdout)]).toMatchObject([2, { error: { code: 'KS_SQL' } }]);

    const asked = await runCli(['query', 'SELECT count(*) AS n FROM silver.orders', '--json'], { cwd });
    expect(JSON.parse(asked.stdout)).toMatchObject({
      result: { rows: [{ n: 4 }], answeredBy: 'duckdb', estimatedBytes: 0, bytesScanned: expect.any(Number) as number },
    });
    const limited = await runCli(['query', 'SELECT * FROM silver.orders', '--max-scan', '10B', '--json'], { cwd });
    expect([limited.code, JSON.parse(limited.stdout)]).toMatchObject([2, { error: { code: 'KS_COST_LIMIT' } }]);
    const wrong = await runCli(['query', 'SELECT 1', '--max-scan', 'much', '--json'], { cwd });
    expect([wrong.code, JSON.parse(wrong.stdout)]).toMatchObject([2, { error: { code: 'KS_USAGE' } }]);
    const away = await runCli(['query', 'SELECT 1', '--engine', 'athena', '--json'], { cwd });
    expect([away.code, JSON.parse(away.stdout)]).toMatchObject([4, { error: { code: 'KS_CONFIG' } }]);

    const report = await runCli(['cost', 'report', '--since', '7d', '--by', 'day'], { cwd });
    expect(report.stdout).toMatch(/No statement ran on Athena or Trino[^]*Storage\n[^]*silver\.orders +\d+/);
    expect(report.stderr).toMatch(/Done\. 0 groups of statements: \$0\.0000; storage of 1 table, 0\.000 GB: \$0\.0000 a month/);
  });
});

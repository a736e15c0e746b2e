import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ValidationResult } from '../../../src/core/quality/validate-partition.js';
import type { QuarantineList } from '../../../src/core/quarantine/list-quarantine.js';
import { type CliEnd, isBuilt, runCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

const ORDERS = [
  'order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date',
  ...Array.from(
    { length: 3 },
    (_, n) =>
      `${String(n).repeat(32)},c${n},delivered,2017-10-02 10:00:00,2017-10-02 11:00:00,2017-10-03 00:00:00,2017-10-09 00:00:00,2017-10-18 00:00:00`,
  ),
  `${'a'.repeat(32)},c,delivered,2017-10-02 10:00:00,2017-10-02 11:00:00,2017-10-03 00:00:00,2017-10-01 00:00:00,2017-10-18 00:00:00`,
  `${'b'.repeat(32)},,created,2017-10-02 10:00:00,,,,2017-10-18 00:00:00`,
  `${'c'.repeat(32)},c,created,2017-10-05 10:00:00,,,,2017-10-18 00:00:00`,
].join('\n');

describe.skipIf(!isBuilt())('validate partition and quarantine, on the command line', () => {
  it('name what failed, where it lies, and end with exit code 3', async () => {
    const cwd = await smallProject(0);
    await writeFile(path.join(cwd, 'orders.csv'), ORDERS);
    const run = (...args: readonly string[]): Promise<CliEnd> => runCli(args, { cwd });
    expect((await run('ingest', 'csv', 'orders.csv', '--dataset', 'orders')).code).toBe(0);
    expect((await run('consume', 'run', '--until-caught-up')).code).toBe(0);

    const failed = await run('validate', 'partition', 'orders', '2017-10-02', '--json');
    expect(failed.code).toBe(3);
    const { result } = JSON.parse(failed.stdout) as { result: ValidationResult };
    expect(result).toMatchObject({ rows: 3, quarantinedRows: 2, passed: false });
    expect(
      result.checks.filter((check) => !check.passed).map((check) => [check.name, check.failingRows, check.inQuarantine]),
    ).toEqual([
      ['required:customer_id', 1, 1],
      ['delivery_not_before_purchase', 1, 1],
    ]);
    const table = await run('validate', 'partition', 'orders', '2017-10-02');
    expect(table.code).toBe(3);
    expect(table.stdout).toMatch(/delivery_not_before_purchase +error +FAILED +5 +1 +1\n/);
    expect(table.stderr).toContain('Done. orders 2017-10-02: 3 rows and 2 in quarantine');
    expect((await run('validate', 'partition', 'orders', '2017-10-05')).code).toBe(0);

    const listed = JSON.parse((await run('quarantine', 'list', '--reason', 'rule:', '--json')).stdout) as {
      result: QuarantineList;
    };
    expect(listed.result).toMatchObject({
      total: 1,
      byReason: [{ dataset: 'orders', reason: 'rule:delivery_not_before_purchase', events: 1 }],
    });
    const shown = await run('quarantine', 'show', listed.result.rows[0]?.origin ?? '');
    expect(shown.stdout).toMatch(new RegExp(`^origin +${listed.result.rows[0]?.origin}\n[^]*"order_id":"${'a'.repeat(32)}"`));
    const line = await run('quarantine', 'show', listed.result.rows[0]?.origin ?? '', '--output', 'ndjson');
    expect(JSON.parse(line.stdout)).toMatchObject({
      dataset: 'orders',
      payload: { text: expect.stringContaining('a'.repeat(32)) },
    });
    const csv = await run('quarantine', 'show', listed.result.rows[0]?.origin ?? '', '--output', 'csv');
    expect(csv.stdout).toMatch(/^[^\n]*payload[^\n]*\n[^]*rule:delivery_not_before_purchase/);

    expect(await run('validate', 'partition', 'orders', 'someday')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"someday" is no partition') as string,
    });
    expect(await run('quarantine', 'show', 'nothing')).toMatchObject({ code: 2 });
  });
});

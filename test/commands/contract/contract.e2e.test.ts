import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBuilt, runCli } from '../../support/cli-process.js';
import { smallProject } from '../../support/small-project.js';

describe.skipIf(!isBuilt())('contract list, show and lint, on the command line', () => {
  it('tell what is in the files, and exit with 4 at a broken one, naming its line', async () => {
    const cwd = await smallProject(0);
    const list = await runCli(['contract', 'list', '--output', 'csv', '--columns', 'dataset,key'], { cwd });
    expect(list.stdout).toContain('order_items,"order_id, order_item_id"\n');
    const show = await runCli(['contract', 'show', 'order_items'], { cwd });
    expect(show.stdout).toMatch(/price +decimal\(12,2\)/);
    expect(show.stdout).toMatch(/price_positive +error +row +price > 0/);
    expect(JSON.parse((await runCli(['contract', 'show', 'order_items', '--output', 'json'], { cwd })).stdout)).toMatchObject({
      dataset: 'order_items',
    });
    expect(await runCli(['contract', 'show', 'nothing'], { cwd })).toMatchObject({ code: 2 });
    expect(await runCli(['contract', 'lint'], { cwd })).toMatchObject({ code: 0, stdout: '' });

    const file = path.join(cwd, 'contracts/order_items.odcs.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('implementation: price > 0', 'implementation: price > zero'));
    const broken = await runCli(['contract', 'lint', '--json'], { cwd });
    expect(broken.code).toBe(4);
    expect(JSON.parse(broken.stdout)).toMatchObject({
      error: {
        code: 'KS_CONTRACT',
        message: expect.stringMatching(
          /order_items\.odcs\.yaml:\d+:\d+: check price_positive: there is no column "zero"/,
        ) as string,
      },
    });
  });
});

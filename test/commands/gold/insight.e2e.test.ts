import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runGold } from '../../../src/core/gold/run-gold.js';
import { putShop, smallShop } from '../../core/gold/small-shop.js';
import { runCli, type CliEnd } from '../../support/cli-process.js';
import { silverLake } from '../../support/silver-lake.js';

describe('gold insight, drawn', () => {
  let cwd = '';
  const cleanUps: (() => Promise<void>)[] = [];
  const insight = (...args: readonly string[]): Promise<CliEnd> =>
    runCli(['gold', 'insight', ...args], { cwd, env: { LC_ALL: 'C.UTF-8' } });
  beforeAll(async () => {
    const lakehouse = await silverLake({}, (cleanUp) => cleanUps.push(cleanUp));
    await putShop(lakehouse, smallShop());
    await runGold(lakehouse);
    const { projectDir, configPath, contracts, models } = lakehouse.config;
    await writeFile(configPath, JSON.stringify({ version: 1, contracts, models }));
    cwd = projectDir;
  });
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  it('--chart draws on standard output, without colours where no terminal is, and keeps the total line', async () => {
    const { code, stdout, stderr } = await insight('logistics', '--chart');
    expect(code, stderr).toBe(0);
    expect(stdout.split('\n').slice(1)).toEqual([
      expect.stringMatching(/^RJ {2}█+ +59\.6 days {4}0\.0 % on time$/),
      expect.stringMatching(/^SP {2}█+[▏▎▍▌▋▊▉]? +10\.0 days {2}100\.0 % on time$/),
      '',
    ]);
    expect(stderr).toContain('Done. 2 rows: 2 deliveries');
    const ascii = await runCli(['gold', 'insight', 'growth', '--chart'], { cwd, env: { LC_ALL: 'C' } });
    expect(ascii.code, ascii.stderr).toBe(0);
    // eslint-disable-next-line no-control-regex
    expect(ascii.stdout).toMatch(/^[\u0000-\u007F]+$/);
    expect((await insight('logistics', '--chart', '--limit', '1')).stdout).not.toContain('SP');
  });

  it('--html writes a page of one insight or of all, whole, and replaces nothing without --force', async () => {
    const page = path.join(cwd, 'page.html');
    const first = await insight('growth', '--html', 'page.html');
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toBe('');
    expect(first.stderr).toContain('the page is page.html');
    const one = await readFile(page, 'utf8');
    expect(one).toContain('<h2>Growth</h2>');
    expect(one).not.toContain('<h2>Segments</h2>');
    expect(one.endsWith('</html>\n')).toBe(true);

    const again = await insight('all', '--html', 'page.html');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('--force')]);
    expect(await readFile(page, 'utf8')).toBe(one);
    const all = await insight('all', '--html', 'page.html', '--force', '--as-of', '2018-06-01', '--json');
    expect(all.code, all.stderr).toBe(0);
    expect(JSON.parse(all.stdout).result.insights).toHaveLength(3);
    expect(await readFile(page, 'utf8')).toContain('As of 2018-06-01.');
    expect((await readdir(cwd)).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('gives a program its rows beside the page', async () => {
    const { stdout } = await insight('growth', '--html', 'rows.html', '--output', 'csv');
    expect(stdout).toContain('2017-10,2,3,115.25');
    expect((await stat(path.join(cwd, 'rows.html'))).size).toBeGreaterThan(50_000);
  });

  it.each([
    [['growth', '--chart', '--json'], 2, '--chart is for people'],
    [['growth', '--chart', '--columns', 'orders'], 2, '--columns'],
    [['all', '--json'], 2, '--html'],
    [['growth', '--force'], 2, '--html'],
    [['growth', '--html', '-'], 2, 'names no file'],
    [['growth', '--html', '.'], 2, 'is a folder'],
    [['growth', '--html', 'no/such/folder.html'], 5, 'could not be written'],
    [['all', '--chart', '--as-of', 'soon'], 2, 'is no day'],
  ])('refuses %j', async (args, code, message) => {
    const end = await insight(...args);
    expect(end.code, end.stderr).toBe(code);
    expect(end.stdout + end.stderr).toContain(message);
    expect(end.stdout + end.stderr).toMatch(/Try: |"hint": /);
  });
});

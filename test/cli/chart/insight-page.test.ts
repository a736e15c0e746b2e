import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { insightPage } from '../../../src/cli/chart/insight-page.js';
import { tempDir } from '../../support/temp-dir.js';
import { drawPage } from './browser-stand-in.js';
import { growth, logistics, segments } from './shown-insights.js';

const CHROMIUM = '/usr/bin/chromium';
const made = { source: '/data/<lake>', nowMs: Date.UTC(2026, 0, 2, 3, 4) };
const page = (): Promise<string> => insightPage([growth, logistics, segments], made);

describe('the insight page', () => {
  it('asks nobody for anything: no address but those of the licence and namespace texts, and a policy that forbids the rest', async () => {
    const html = await page();
    expect(html).not.toMatch(/\b(src|href)="(?!data:)/);
    expect(html).not.toMatch(/@import|url\(/);
    const policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)?.[1] ?? '';
    expect(policy).toContain("default-src 'none'");
    const hashes = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(
      ([, code = '']) => `'sha256-${createHash('sha256').update(code).digest('base64')}'`,
    );
    expect(hashes).toHaveLength(2);
    expect(policy).toContain(`script-src ${hashes.join(' ')}`);
  });

  it('holds titles, totals and a table for each insight, readable without the script', async () => {
    const html = await page();
    for (const title of ['Growth', 'Logistics', 'Segments']) expect(html).toContain(`<h2>${title}</h2>`);
    expect(html).toContain('<td class="number">R$ 1,000.00</td>');
    expect(html).toContain('<dd>R$ 900.00</dd>');
    expect(html).toContain('As of 2018-03-01.');
    expect(html.match(/<tr>/g)).toHaveLength(3 + 3 + 2 + 2);
  });

  it('lets no data out of their place', async () => {
    const html = await page();
    expect(html).toContain('&lt;/script&gt;&lt;b&gt;&amp;');
    expect(html).toContain('/data/&lt;lake&gt;');
    expect(html).not.toContain('<b>');
    const embedded = /id="figures">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
    expect(embedded).not.toContain('<');
    expect(JSON.stringify(JSON.parse(embedded))).toContain('</script><b>&');
  });

  it('draws each figure with its labels and colours, and again for the printer', async () => {
    const drawn = await drawPage(await page());
    expect(drawn.canvases).toBe(4);
    for (const label of ['2018-01', 'RR', 'SP', 'new big spender', 'Revenue (R$)', 'Orders'])
      expect(drawn.texts).toContain(label);
    const colours = drawn.paths.map(({ colour }) => colour);
    expect(colours).toContain('colour of --bars');
    expect(colours).toContain('colour of --second');
    drawn.fire('beforeprint');
    expect(drawn.canvases).toBe(8);
  });

  it('says that there are no rows, and draws nothing', async () => {
    const html = await insightPage([{ ...growth, rows: [] }], made);
    expect(html).toContain('<p>There are no rows.</p>');
    expect((await drawPage(html)).canvases).toBe(0);
  });

  it.skipIf(!existsSync(CHROMIUM))(
    'draws in Chromium without a word on its console (skipped where it is not installed)',
    async () => {
      const dir = await tempDir();
      await writeFile(path.join(dir, 'page.html'), await page());
      const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
      const { stdout, stderr } = await promisify(execFile)(
        CHROMIUM,
        [
          '--headless',
          '--no-sandbox',
          ...quiet,
          '--disable-component-update',
          '--disable-sync',
          `--user-data-dir=${path.join(dir, 'profile')}`,
          '--enable-logging=stderr',
          '--virtual-time-budget=3000',
          '--dump-dom',
          `file://${path.join(dir, 'page.html')}`,
        ],
        { maxBuffer: 64 * 1024 * 1024 },
      );
      expect(stdout.match(/<canvas/g)).toHaveLength(4);
      expect(stdout).toContain('class="u-legend');
      // Of the last point, while none is pointed at.
      const values = [...stdout.matchAll(/class="u-value">([^<]*)</g)].map(([, text]) => text);
      expect(values).toContain('2018-02');
      expect(values.filter((text) => text === '' || text === '--')).toEqual([]);
      expect(stderr).not.toContain(':CONSOLE');
    },
  );
});

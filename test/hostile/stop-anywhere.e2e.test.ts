/**
 * SIGTERM and SIGINT at seeded random moments of every long command: an exit code of the contract, no stack trace, no half-written file,
 * no process left, and afterwards everything goes on and the account closes.
 */
import { readFileSync } from 'node:fs';
import { cp, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isBuilt, runCli, startCli } from '../support/cli-process.js';
import { seededRandom } from '../support/mixed-events.js';
import { appendMixed, catchUp, expectClosed, pause, violentProject } from '../support/violent-project.js';

const ROUNDS = process.env['KEYSTONE_SOAK'] === '1' ? 25 : 1;
const SEED = Number(process.env['KEYSTONE_FUZZ_SEED'] ?? 81);
/** `null`: before the command had begun to listen, a signal ends it as it ends any program. */
const CODES = { SIGTERM: [0, 6, 143, null], SIGINT: [0, 6, 130, null] } as const;

const header =
  'order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date,order_delivered_customer_date,order_estimated_delivery_date';
const csvRows = Array.from({ length: 6_000 }, (_, n) => `s${n},c${n},created,2017-10-0${1 + (n % 9)} 10:56:33,,,,`);

/** Processes whose parent is `pid`, by what the kernel says. */
async function childrenOf(pid: number): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of (await readdir('/proc')).filter((one) => /^\d+$/.test(one))) {
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(pid)) found.push(name);
  }
  return found;
}

/** Locks below the lake that somebody holds: links that do not say `free`. */
async function locksIn(dir: string): Promise<readonly string[]> {
  const entries = await readdir(path.join(dir, 'lake'), { recursive: true, withFileTypes: true }).catch(() => []);
  const links = entries.filter((entry) => entry.isSymbolicLink()).map((entry) => path.join(entry.parentPath, entry.name));
  const held = await Promise.all(links.map(async (link) => ({ link, owner: await readlink(link).catch(() => 'free') })));
  return held.filter(({ owner }) => owner !== 'free').map(({ link, owner }) => `${link} → ${owner}`);
}

describe.skipIf(!isBuilt())('a stop at any moment (needs npm run build)', { timeout: 1_200_000 }, () => {
  it('ends every long command in good order, and what it did not finish is finished later', async () => {
    const dir = await violentProject({ events: 400, seed: SEED }, 100);
    await cp(path.resolve('templates/models'), path.join(dir, 'models'), { recursive: true });
    await writeFile(path.join(dir, 'olist_orders_dataset.csv'), [header, ...csvRows, ''].join('\n'));
    const ndjson = csvRows.map((row) => JSON.stringify({ order_id: row.split(',')[0], customer_id: 'c' })).join('\n');
    await writeFile(path.join(dir, 'events.ndjson'), `${ndjson}\n`);
    await writeFile(path.join(dir, 'trace.ndjson'), '');
    const commands: readonly (readonly string[])[] = [
      ['consume', 'run', '--until-caught-up'],
      ['ingest', 'csv', 'olist_orders_dataset.csv'],
      ['ingest', 'send', 'events.ndjson', '--direct', '--dataset', 'orders', '--receipts', 'receipts.ndjson'],
      ['ingest', 'record', '--out', 'recorded.ndjson'],
      ['ingest', 'replay', 'topic', '--to-topic', 'rehearsal'],
      ['consume', 'run'],
      ['ingest', 'serve', '--port', '0'],
      ['pipeline', 'run'],
      ['gold', 'run'],
      ['validate', 'partition', 'orders', 'all'],
      ['ledger', 'verify', '--deep'],
      ['table', 'compact'],
      ['query', 'SELECT count(*) AS n FROM (SELECT md5(i::VARCHAR) FROM range(20000000) t(i) GROUP BY 1)'],
      ['demo', '--events', '1000'],
    ];
    const random = seededRandom(SEED);
    // How long a command takes to begin depends on the machine: most signals are to meet it at work.
    const atMs = Date.now();
    await runCli(['consume', 'status', '--json'], { cwd: dir });
    const startMs = Math.min(1_200, Date.now() - atMs);
    const ended: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, command] of commands.entries()) {
        const signal = (index + round) % 2 === 0 ? 'SIGTERM' : 'SIGINT';
        const afterMs = Math.floor(startMs * (0.4 + random() * 2.6));
        const started = startCli([...command, '--json'], { cwd: dir });
        onTestFinished(async () => {
          started.child.kill('SIGKILL');
          await started.ended;
        });
        await pause(afterMs);
        const pid = started.child.pid ?? -1;
        const children = started.child.exitCode === null ? await childrenOf(pid) : [];
        const askedAtMs = Date.now();
        started.child.kill(signal);
        const { code, stdout, stderr } = await started.ended;
        const said = `${command.join(' ')}, ${signal} after ${afterMs} ms: ${code}\n${stdout.slice(0, 2_000)}\n${stderr.slice(-2_000)}`;
        ended.push(`${command.slice(0, 2).join(' ')} ${signal} ${afterMs}: ${code}`);
        expect(Date.now() - askedAtMs, said).toBeLessThan(15_000);
        // What was done before the signal came may have found rows that fail their checks.
        if (!(code === 3 && /^(validate|pipeline)$/.test(command[0] ?? ''))) expect([...CODES[signal]], said).toContain(code);
        expect(stderr + stdout, said).not.toMatch(/\n\s+at .*:\d+:\d+|KS_INTERNAL|Unhandled|(?:Type|Range|Reference)Error/);
        if (code === 6) expect(JSON.parse(stdout), said).toMatchObject({ error: { code: 'KS_INTERRUPTED' } });
        for (const child of children) expect(await childrenOfPidGone(child), `${said}: child ${child}`).toBe(true);
        if (code !== null) expect(await locksIn(dir), said).toEqual([]);
      }
      for (const name of await readdir(dir)) {
        // A trace is there whole or not at all; lines of receipts end whole.
        if (name.startsWith('recorded')) expect(name).toBe('recorded.ndjson');
        if (/^(recorded|receipts)\.ndjson$/.test(name)) {
          for (const line of readFileSync(path.join(dir, name), 'utf8').split('\n').filter(Boolean)) JSON.parse(line);
        }
      }
      await expectClosed(dir, ended.join('\n'));
      await appendMixed(dir, { events: 60, seed: SEED + round, prefix: `round${round}-` });
    }
    // What was stopped is finished by the same commands.
    expect(await runCli(['ingest', 'csv', 'olist_orders_dataset.csv', '--json'], { cwd: dir })).toMatchObject({ code: 0 });
    await writeFile(path.join(dir, 'keystone.yaml'), 'version: 1\nconsume: { leaseTtl: 1s }\n');
    await catchUp(dir);
    expect(await runCli(['pipeline', 'run', '--json'], { cwd: dir })).toMatchObject({
      code: expect.toSatisfy((code: number) => code === 0 || code === 3) as number,
    });
    const account = await expectClosed(dir, 'at the end');
    expect(account.totals).toMatchObject({ pending: 0, unprocessed: 0 });
    const counted = await runCli(
      ['query', "SELECT count(*) AS n FROM silver.orders WHERE order_id LIKE 's%' AND order_status = 'created'", '--json'],
      { cwd: dir },
    );
    expect(JSON.parse(counted.stdout)).toMatchObject({ result: { rows: [{ n: csvRows.length }] } });
  });
});

/** True once the process is gone; it has two seconds. */
async function childrenOfPidGone(pid: string): Promise<boolean> {
  for (let tries = 0; tries < 40; tries++) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      return true;
    }
    await pause(50);
  }
  return false;
}

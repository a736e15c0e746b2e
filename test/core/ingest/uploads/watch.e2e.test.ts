import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openEmbeddedLog } from '../../../../src/core/log/embedded-log.js';
import { isBuilt, runCli, startCli, type CliProcess } from '../../../support/cli-process.js';
import { systemEffects } from '../../../support/effects.js';
import { headerOf } from '../../../support/memory-log.js';
import { DEFAULT_TOPIC, smallProject } from '../../../support/small-project.js';

/** Event ids in the log, with how often each came. */
async function loggedIds(dir: string): Promise<ReadonlyMap<string, number>> {
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone/log.db'), clock: systemEffects().clock });
  const ids = new Map<string, number>();
  for (const { partition, endOffset } of await log.bounds(DEFAULT_TOPIC)) {
    for (let offset = 0; offset < endOffset;) {
      const read = await log.read(DEFAULT_TOPIC, partition, offset, { maxRecords: 5000, maxBytes: 10_000_000 });
      for (const record of read.records) {
        const id = headerOf(record, 'ks-event-id') ?? '';
        ids.set(id, (ids.get(id) ?? 0) + 1);
      }
      offset = read.nextOffset;
    }
  }
  await log.close();
  return ids;
}

const watch = (dir: string, ...more: string[]): CliProcess => {
  const cli = startCli(['ingest', 'watch', 'up', '--settle', '100ms', ...more], { cwd: dir });
  onTestFinished(async () => {
    cli.child.kill('SIGKILL');
    await cli.ended;
  });
  return cli;
};

const FILES = 12;
const ROWS = 5_000;
const names = Array.from({ length: FILES }, (_, n) => `orders-${n}.csv`);

async function uploads(dir: string): Promise<void> {
  await mkdir(path.join(dir, 'up'));
  for (const [n, name] of names.entries()) {
    const rows = Array.from({ length: ROWS }, (_, row) => `o${n}-${row},c${row},delivered`);
    await writeFile(path.join(dir, 'up', name), `order_id,customer_id,order_status\n${rows.join('\n')}\n`);
  }
}

describe.skipIf(!isBuilt())('ingest watch (needs npm run build)', () => {
  it('loses no file and no event, and adds none, when it is killed again and again beside another watcher', async () => {
    const dir = await smallProject(0);
    await uploads(dir);
    const holds = async ({ child }: CliProcess): Promise<boolean> =>
      (await readdir(path.join(dir, 'up/.processing')).catch(() => [])).some((owner) => owner.includes(`~${child.pid}~`));
    /** Killed in the middle of a file. */
    const killHolding = async (cli: CliProcess): Promise<void> => {
      await expect.poll(() => holds(cli), { timeout: 20_000, interval: 2 }).toBe(true);
      cli.child.kill('SIGKILL');
      await cli.ended;
    };
    await killHolding(watch(dir));
    const [one, other] = [watch(dir), watch(dir, '--dataset', 'orders')];
    await killHolding(one);
    await killHolding(other);
    const last = watch(dir, '--once', '--json');
    const end = await last.ended;
    expect(end.code, end.stderr).toBe(0);
    // What the last run did not find was done before: each file is there once, with its report.
    expect((await readdir(path.join(dir, 'up'))).toSorted()).toEqual(['done']);
    expect((await readdir(path.join(dir, 'up/done'))).toSorted()).toEqual(
      names.flatMap((name) => [name, `${name}.report.json`]).toSorted(),
    );
    const ids = await loggedIds(dir);
    expect(ids.size).toBe(FILES * ROWS);
    for (const name of names) {
      const report = JSON.parse(await readFile(path.join(dir, 'up/done', `${name}.report.json`), 'utf8')) as Record<
        string,
        unknown
      >;
      expect(report).toMatchObject({ file: name, status: 'done', accepted: ROWS, refused: 0 });
      expect(ids.has((report['lastReceipt'] as { eventId: string }).eventId)).toBe(true);
    }
  });

  it('takes what is uploaded while it runs, tells it as NDJSON, and ends in good order on a signal', async () => {
    const dir = await smallProject(0);
    await mkdir(path.join(dir, 'up'));
    const cli = watch(dir, '--output', 'ndjson');
    await expect.poll(() => cli.stderr(), { timeout: 20_000 }).toContain('Watching up.');
    await writeFile(path.join(dir, 'up/orders.ndjson'), '{"order_id":"a"}\n');
    await writeFile(path.join(dir, 'up/unknown.csv'), 'a\n1\n');
    await expect.poll(() => cli.stdout().split('\n').length, { timeout: 20_000 }).toBe(3);
    cli.child.kill('SIGTERM');
    const end = await cli.ended;
    const told = end.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; status: string });
    expect(told.map(({ file, status }) => `${file} ${status}`).toSorted()).toEqual(['orders.ndjson done', 'unknown.csv failed']);
    expect(end.code).toBe(3);
    expect(end.stderr).toContain('Done. 1 file done, 1 failed, 1 event accepted.');
  });

  it('goes through a server, and puts the file back when there is none', async () => {
    const dir = await smallProject(0);
    await mkdir(path.join(dir, 'up'));
    await writeFile(path.join(dir, 'up/orders.csv'), 'order_id\na\nb\n');
    const nowhere = await runCli(['ingest', 'watch', 'up', '--once', '--settle', '0', '--to', '127.0.0.1:1'], { cwd: dir });
    expect(nowhere.code).toBe(5);
    expect(nowhere.stderr).toContain('KS_SERVER_UNREACHABLE');
    expect(await readdir(path.join(dir, 'up'))).toEqual(['orders.csv']);
    const server = startCli(['ingest', 'serve', '--port', '0'], { cwd: dir });
    onTestFinished(async () => {
      server.child.kill('SIGKILL');
      await server.ended;
    });
    await expect.poll(() => server.stdout(), { timeout: 20_000 }).toMatch(/Listening on \S+:\d+,/);
    const address = /Listening on (\S+),/.exec(server.stdout())?.[1] ?? '';
    const there = await runCli(['ingest', 'watch', 'up', '--once', '--settle', '0', '--to', address, '--json'], { cwd: dir });
    expect(JSON.parse(there.stdout)).toMatchObject({ result: { done: 1, accepted: 2 } });
    expect((await loggedIds(dir)).size).toBe(2);
  });

  it('refuses wrong uses with the next command', async () => {
    const dir = await smallProject(0);
    const missing = await runCli(['ingest', 'watch', 'nowhere', '--once'], { cwd: dir });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('mkdir -p nowhere')]);
    const file = await runCli(['ingest', 'watch', 'keystone.yaml', '--once'], { cwd: dir });
    expect([file.code, file.stderr]).toEqual([2, expect.stringContaining('keystone ingest watch .')]);
    const settle = await runCli(['ingest', 'watch', dir, '--once', '--settle', 'soon'], { cwd: dir });
    expect([settle.code, settle.stderr]).toEqual([2, expect.stringContaining('--settle 2s')]);
    const address = await runCli(['ingest', 'watch', dir, '--once', '--to', 'server'], { cwd: dir });
    expect([address.code, address.stderr]).toEqual([2, expect.stringContaining('host:port')]);
  });
});

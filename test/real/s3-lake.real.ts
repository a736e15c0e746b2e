/** The whole lake in a bucket, through the command line: what is found in a folder is found there, whatever happens to the server. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { openFolderCatalog } from '../../src/core/table/folder-catalog.js';
import { ensureTable } from '../../src/core/table/table.js';
import { catalogContract } from '../core/table/catalog.contract.js';
import { ORDERS } from '../core/table/orders-table.js';
import { askPython, peerPython } from '../peers/ask-python.js';
import { ACCESS_KEY, SECRET_KEY } from '../services/versitygw.js';
import { runCli, startCli, type CliEnd } from '../support/cli-process.js';
import { smallProject } from '../support/small-project.js';
import { systemEffects } from '../support/effects.js';
import { tempDir } from '../support/temp-dir.js';
import { COMPARED_TABLES } from './compared-tables.js';
import { freshBucket, hasS3, openStore, S3_ENV, s3Server } from './s3-server.js';

const run = promisify(execFile);
const project = path.resolve(import.meta.dirname, '../..');

/** Commits one file after the other, each under a fence of its own topic, with a line for each that was acknowledged. */
const WRITER = `
import { randomBytes } from 'node:crypto';
const [dist, s3, name, commits] = process.argv.slice(2);
const { openS3Store } = await import(dist + '/core/store/s3-store.js');
const { openFolderCatalog } = await import(dist + '/core/table/folder-catalog.js');
const { openTable } = await import(dist + '/core/table/table.js');
const clock = { nowMs: () => Date.now(), sleep: (ms) => new Promise((wake) => setTimeout(wake, ms)) };
const store = await openS3Store({ s3: JSON.parse(s3), env: process.env, projectDir: '/', clock });
const table = await openTable(openFolderCatalog(store), store, 'silver.orders', { clock, randomBytes: (n) => randomBytes(n) });
for (let i = 0; i < Number(commits); i++) {
  const file = { path: table.location + '/data/' + name + '-' + i + '.parquet', recordCount: 1, sizeBytes: 1, partition: { purchased_at_day: 1 }, metrics: {}, specId: 0 };
  const outcome = await table.commit({ add: [file], fence: { ranges: [{ topic: name, partition: 0, expectedNext: i, endExclusive: i + 1 }] } });
  if (outcome.kind !== 'committed') throw new Error(JSON.stringify(outcome));
  console.log(name + '-' + i);
}
await store.close();
`;

interface S3Project {
  readonly dir: string;
  /** URI of the lake of the profile `s3`. */
  readonly lake: string;
  /** Runs a command on the profile `s3`; fails the test for another exit code than 0. */
  cli(...args: readonly string[]): Promise<CliEnd>;
  rows(profile: 'local' | 's3', sql: string): Promise<readonly unknown[]>;
}

/** A foreign reader finds the same, given only the URI of a table; where there is no Python nobody asks. */
async function readsAsPyiceberg(endpoint: string, lake: string, rows: S3Project['rows']): Promise<void> {
  if (peerPython === null) return;
  const asked = [
    { table: 'bronze.events', sum: null },
    { table: 'silver.order_items', sum: 'price' },
    { table: 'gold.fact_sales', sum: 'freight_value' },
  ];
  const request = { endpoint, lake, accessKey: ACCESS_KEY, secretKey: SECRET_KEY, tables: asked };
  const answers = await askPython<readonly { readonly rows: number; readonly sum: string | null; readonly location: string }[]>(
    'read_s3.py',
    request,
  );
  for (const [n, { table, sum }] of asked.entries()) {
    const total = sum === null ? 'NULL' : `sum(${sum})::VARCHAR`;
    const [found] = (await rows('s3', `SELECT count(*)::INT AS n, ${total} AS total FROM ${table}`)) as {
      n: number;
      total: string | null;
    }[];
    expect(answers[n], table).toMatchObject({
      rows: found?.n,
      sum: found?.total,
      location: `${lake}/${table.replace('.', '/')}`,
    });
  }
}

describe.skipIf(!hasS3)('a lake in S3', () => {
  const server = s3Server();

  catalogContract('folder catalog on S3', async () => {
    const s3 = await freshBucket(server());
    return async () => openFolderCatalog(await openStore(s3));
  });

  /** The demo's events in an embedded log and in a lake in a folder, and beside it a profile whose lake is a bucket. */
  const demoProject = async (events: number, more: Record<string, unknown> = {}): Promise<S3Project> => {
    const s3 = await freshBucket(server(), more);
    const dir = path.join(await tempDir(), 'project');
    const made = await runCli(['demo', '--keep', dir, '--events', String(events), '--quiet'], { cwd: project });
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const file = path.join(dir, 'keystone.yaml');
    const settings = { adapter: 's3', s3: { ...s3, cache: '.keystone/cache' } };
    const log = { partitions: 6 };
    await writeFile(
      file,
      `${(await readFile(file, 'utf8')).trimEnd()}\n  s3: ${JSON.stringify({ log, store: settings, state: { path: '.keystone/s3-state.db' } })}\n`,
    );
    const cli = async (...args: readonly string[]): Promise<CliEnd> => {
      const end = await runCli([...args, '--profile', 's3'], { cwd: dir, env: S3_ENV });
      expect(end, `keystone ${args.join(' ')}: ${end.stderr}`).toMatchObject({ code: 0 });
      return end;
    };
    return {
      dir,
      lake: `s3://${s3.bucket}/${s3.prefix}`,
      cli,
      rows: async (profile, sql) => {
        const end = await runCli(['query', sql, '--json', '--profile', profile], { cwd: dir, env: S3_ENV });
        expect(end, `${sql}: ${end.stdout}`).toMatchObject({ code: 0 });
        return (JSON.parse(end.stdout) as { readonly result: { readonly rows: readonly unknown[] } }).result.rows;
      },
    };
  };

  /** Resolves once the first batch is in bronze: many are still to come. */
  const firstBatch = async (lake: string): Promise<void> => {
    const committed = path.join(server().dataDir, lake.replace('s3://', ''), 'bronze/events/metadata/v2.metadata.json');
    while (!existsSync(committed)) await new Promise((wake) => setTimeout(wake, 20));
  };

  it('loses none of 200 commits of two racing processes', async () => {
    const s3 = await freshBucket(server());
    const store = await openStore(s3);
    const table = await ensureTable(openFolderCatalog(store), store, ORDERS, systemEffects());
    const script = path.join(await tempDir(), 'writer.mjs');
    await writeFile(script, WRITER);
    const written = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const args = [script, path.join(project, 'dist'), JSON.stringify(s3), name, '100'];
        const { stdout } = await run(process.execPath, args, { env: { ...process.env, ...S3_ENV } });
        return stdout.trim().split('\n');
      }),
    );
    expect(written.map((lines) => lines.length)).toEqual([100, 100]);
    const { files } = await table.scan();
    expect(files.map((file) => file.path).toSorted()).toEqual(
      written
        .flat()
        .map((name) => `${table.location}/data/${name}.parquet`)
        .toSorted(),
    );
    expect(table.location).toBe(`s3://${s3.bucket}/lakes/main/silver/orders`);
    const state = await table.state();
    expect(state.snapshots).toHaveLength(200);
    expect(state.nextOffsets.get('one')?.get(0)).toBe(100);
    expect(state.nextOffsets.get('two')?.get(0)).toBe(100);
  });

  it('holds, row for row, what a lake in a folder holds, and is cared for like one', async () => {
    const { cli, rows, dir, lake } = await demoProject(800);
    await cli('consume', 'run', '--until-caught-up');
    await cli('gold', 'run');
    // Of every table the number of rows and the sum of their hashes, whatever order they come in.
    const sums = COMPARED_TABLES.map(
      (name) => `SELECT '${name}' AS name, count(*) AS n, sum(hash(r)::HUGEINT) AS hashes FROM ${name} r`,
    );
    const same = async (): Promise<void> => {
      const sql = `${sums.join(' UNION ALL ')} ORDER BY name`;
      const expected = (await rows('local', sql)) as readonly { readonly name: string; readonly n: number | string }[];
      expect(expected.filter(({ n }) => Number(n) === 0)).toEqual([]);
      expect(expected).toHaveLength(COMPARED_TABLES.length);
      expect(await rows('s3', sql)).toEqual(expected);
      expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep)');
    };
    await same();
    await cli('table', 'compact');
    await cli('table', 'expire', '--keep', '1', '--older-than', '0s', '--force', '--yes');
    await same();
    await readsAsPyiceberg(server().endpoint, lake, rows);
    // Another machine: nothing of it lies there yet.
    expect((await cli('ledger', 'verify', '--deep', '--set', 'store.s3.cache=other-cache')).stderr).toContain(
      'The account closes',
    );
    expect((await cli('doctor', '--json')).stdout).toContain('If-None-Match and If-Match are honoured');
    await cli('lag', 'show');
    await cli('table', 'orphans', '--dry-run');
    await cli('gold', 'insight', 'growth');
    const [event] = (await rows('s3', 'SELECT event_id FROM bronze.events ORDER BY kafka_offset LIMIT 1')) as {
      event_id: string;
    }[];
    expect((await cli('trace', event?.event_id ?? '', '--json')).stdout).toContain('bronze/events/data/');
    // Every process let go of its copies when it ended.
    for (const one of await readdir(path.join(dir, '.keystone', 'cache', 'in-use')))
      expect(await readdir(path.join(dir, '.keystone', 'cache', 'in-use', one))).toEqual([]);
  });

  it('keeps each layer in the bucket that is named for it, the founding layout', async () => {
    const buckets = {
      bronze: 'olist-data-lake-bronze',
      silver: 'olist-data-lake-silver',
      gold: 'olist-data-lake-gold',
      quarantine: 'olist-data-lake-quarantine',
      error: 'error-zone',
    };
    for (const bucket of Object.values(buckets)) await server().makeBucket(bucket);
    const { cli, rows, lake } = await demoProject(800, { prefix: '', buckets });
    await cli('consume', 'run', '--until-caught-up');
    await cli('gold', 'run');
    await cli('table', 'compact');
    await cli('table', 'orphans', '--dry-run');
    expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep)');
    const sql = 'SELECT order_id, price FROM gold.fact_sales ORDER BY ALL';
    expect(await rows('s3', sql)).toEqual(await rows('local', sql));
    const inBucket = async (bucket: string, ...folders: readonly string[]): Promise<readonly string[]> =>
      (await readdir(path.join(server().dataDir, bucket, ...folders))).filter((name) => !name.startsWith('.'));
    expect(await inBucket('olist-data-lake-silver', 'orders', 'data')).toContain('year=2017');
    expect(await inBucket('olist-data-lake-bronze')).toEqual(['events']);
    expect(await inBucket('error-zone')).toEqual(['events']);
    expect(await inBucket('olist-data-lake-quarantine')).toEqual(['events']);
    expect(await inBucket('olist-data-lake-gold')).toContain('fact_sales');
    expect(await inBucket(lake.replace(/^s3:\/\/|\/$/g, ''))).toEqual(['ledger']);
  });

  it('takes CSV files out of any bucket, under the ids that they have as local files', async () => {
    const s3 = await freshBucket(server());
    await server().makeBucket('shop-exports');
    const exported = path.join(server().dataDir, 'shop-exports', 'olist 2017');
    await mkdir(path.join(exported, 'deeper'), { recursive: true });
    await writeFile(path.join(exported, 'sellers.csv'), 'seller_id,seller_city\ns1,recife\ns2,natal\n');
    await writeFile(path.join(exported, 'readme.txt'), 'not a csv');
    await writeFile(path.join(exported, 'deeper', 'orders.csv'), 'order_id\no1\n');
    const dir = await smallProject(0);
    const settings = ['endpoint', 'pathStyle', 'accessKeyId', 'secretAccessKey'] as const;
    const set = settings.flatMap((name) => ['--set', `store.s3.${name}=${s3[name]}`]);
    const ingest = (...args: readonly string[]): Promise<CliEnd> =>
      runCli(['ingest', 'csv', ...args, '--json', ...set], { cwd: dir, env: S3_ENV });
    const taken = await ingest('s3://shop-exports/olist 2017/');
    expect(taken, taken.stdout).toMatchObject({ code: 0 });
    const { files, accepted } = (JSON.parse(taken.stdout) as { result: { files: readonly object[]; accepted: number } }).result;
    expect(accepted).toBe(2);
    expect(files).toMatchObject([
      { path: 's3://shop-exports/olist 2017/readme.txt', status: 'skipped' },
      { path: 's3://shop-exports/olist 2017/sellers.csv', status: 'ingested', rows: 2, dataset: 'sellers' },
    ]);
    // The same file from here: the same events.
    expect(await ingest(path.join(exported, 'sellers.csv'))).toMatchObject({ code: 0 });
    const consumed = await runCli(['consume', 'run', '--until-caught-up'], { cwd: dir });
    expect(consumed.stderr).toContain('2 duplicates');
    expect(await readdir(path.join(dir, '.keystone', 'tmp'))).toEqual([]);
    const missing = await ingest('s3://shop-exports/olist 2018');
    expect(missing.code).toBe(2);
    expect(missing.stdout).toContain('there is nothing at s3://shop-exports/olist 2018');
    expect((await ingest('s3://no-such-bucket/')).stdout).toContain('there is no bucket no-such-bucket');
  });

  it('replays files of any bucket, and goes on in them while they are the same', async () => {
    const s3 = await freshBucket(server());
    await server().makeBucket('shop-replays');
    const file = path.join(server().dataDir, 'shop-replays', 'sellers.csv');
    const rows = Array.from({ length: 300 }, (_, row) => `s${row},recife\n`).join('');
    await writeFile(file, `seller_id,seller_city\n${rows}`);
    const dir = await smallProject(0);
    const settings = ['endpoint', 'pathStyle', 'accessKeyId', 'secretAccessKey'] as const;
    const set = settings.flatMap((name) => ['--set', `store.s3.${name}=${s3[name]}`]);
    const command = ['ingest', 'replay', 's3://shop-replays/', '--rate', '100/s', ...set];
    const logged = async (): Promise<number> => {
      const { stdout } = await runCli(['lag', 'show', '--json'], { cwd: dir });
      // Before the first append there is no topic, which is an error.
      return (JSON.parse(stdout) as { result?: { total: { lagEvents: number } } }).result?.total.lagEvents ?? 0;
    };
    const started = startCli(command, { cwd: dir, env: S3_ENV });
    await vi.waitUntil(async () => (await logged()) > 0, { timeout: 60_000, interval: 100 });
    started.child.kill('SIGINT');
    expect(await started.ended).toMatchObject({ code: 6, stderr: expect.stringContaining('--resume') });
    expect(await readdir(path.join(dir, '.keystone', 'tmp'))).toEqual([]);
    const goneOn = await runCli([...command, '--resume', '--json'], { cwd: dir, env: S3_ENV });
    expect(goneOn, goneOn.stdout).toMatchObject({ code: 0 });
    expect(JSON.parse(goneOn.stdout)).toMatchObject({ result: { events: 300, accepted: 300, datasets: { sellers: 300 } } });
    expect(await logged()).toBe(300);

    const again = startCli(command, { cwd: dir, env: S3_ENV });
    await vi.waitUntil(async () => (await logged()) > 300, { timeout: 60_000, interval: 100 });
    again.child.kill('SIGINT');
    expect(await again.ended).toMatchObject({ code: 6 });
    await writeFile(file, 'seller_id,seller_city\nother,natal\n');
    const changed = await runCli([...command, '--resume'], { cwd: dir, env: S3_ENV });
    expect(changed).toMatchObject({ code: 2 });
    expect(changed.stderr).toContain('s3://shop-replays/sellers.csv has changed since this replay began');
  });

  it('comes through a server that is killed and comes back in the middle of consuming', async () => {
    const { dir, cli, lake } = await demoProject(2000);
    // However long this machine takes to bring the server back, the consumer waits for it.
    const settings = ['--set', 'consume.flushRows=200', '--set', 'resilience.patience=10m'];
    const consume = startCli(['consume', 'run', '--until-caught-up', '--profile', 's3', ...settings], { cwd: dir, env: S3_ENV });
    await firstBatch(lake);
    for (let kills = 0; kills < 3 && consume.child.exitCode === null; kills++) {
      await server().kill();
      await new Promise((wake) => setTimeout(wake, 700));
      await server().start();
      await new Promise((wake) => setTimeout(wake, 2500));
    }
    const end = await consume.ended;
    expect(end, end.stderr).toMatchObject({ code: 0 });
    const account = await cli('ledger', 'verify', '--deep');
    expect(account.stderr).toContain('The account closes (deep). 2000 events in bronze');
  });

  it('says what is wrong while the server is away, and goes on where it stopped', async () => {
    const { dir, cli, lake } = await demoProject(1500);
    const settings = ['--set', 'consume.flushRows=150', '--set', 'resilience.patience=2s'];
    const consume = startCli(['consume', 'run', '--until-caught-up', '--profile', 's3', ...settings], { cwd: dir, env: S3_ENV });
    await firstBatch(lake);
    await server().kill();
    const end = await consume.ended;
    await server().start();
    expect(end, end.stderr).toMatchObject({ code: 5 });
    expect(end.stderr).toContain('Error KS_STORE');
    expect(end.stderr).toContain('does not answer');
    expect(end.stderr).not.toContain(S3_ENV.KS_TEST_S3_SECRET);
    await cli('consume', 'run', '--until-caught-up');
    const account = await cli('ledger', 'verify', '--deep');
    expect(account.stderr).toContain('The account closes (deep). 1500 events in bronze');
  });
});

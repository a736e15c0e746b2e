/** The whole lake on S3 and Glue, through the command line: what is found in a folder is found there, and another engine finds it by name. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DeleteTableCommand } from '@aws-sdk/client-glue';
import { describe, expect, it } from 'vitest';
import { askPython } from '../peers/ask-python.js';
import { pythonWith } from '../peers/peer-python.js';
import { ACCESS_KEY, SECRET_KEY } from '../services/versitygw.js';
import { runCli, startCli, type CliEnd } from '../support/cli-process.js';
import { tempDir } from '../support/temp-dir.js';
import { COMPARED_TABLES } from './compared-tables.js';
import { glueServer, glueSettings, GLUE_ENV, hasGlue, openTestGlue } from './glue-server.js';
import { freshBucket, hasS3, S3_ENV, s3Server } from './s3-server.js';

const project = path.resolve(import.meta.dirname, '../..');

/** Many commands one after the other: a machine that is loaded ten-fold takes its time. */
const LONG_MS = 1_200_000;

describe.skipIf(!hasS3 || !hasGlue)('a lake in S3 and Glue', { timeout: LONG_MS }, () => {
  const s3 = s3Server();
  const ministack = glueServer();

  /** The demo's events in an embedded log and in a lake in a folder, and beside it the profile `glue`, whose lake is a bucket. */
  const demoProject = async (events: number) => {
    const bucket = await freshBucket(s3());
    const glue = glueSettings(ministack().endpoint);
    const dir = path.join(await tempDir(), 'project');
    const made = await runCli(['demo', '--keep', dir, '--events', String(events), '--quiet'], { cwd: project });
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const file = path.join(dir, 'keystone.yaml');
    const settings = {
      log: { partitions: 6 },
      store: { adapter: 's3', s3: { ...bucket, cache: '.keystone/cache' } },
      catalog: { adapter: 'glue', glue },
      state: { path: '.keystone/glue-state.db' },
    };
    await writeFile(file, `${(await readFile(file, 'utf8')).trimEnd()}\n  glue: ${JSON.stringify(settings)}\n`);
    const env = { ...S3_ENV, ...GLUE_ENV };
    const run = (...args: readonly string[]): Promise<CliEnd> => runCli([...args, '--profile', 'glue'], { cwd: dir, env });
    const cli = async (...args: readonly string[]): Promise<CliEnd> => {
      const end = await run(...args);
      expect(end, `keystone ${args.join(' ')}: ${end.stderr}`).toMatchObject({ code: 0 });
      return end;
    };
    const result = async <T>(...args: readonly string[]): Promise<T> =>
      (JSON.parse((await cli(...args, '--json')).stdout) as { readonly result: T }).result;
    const rows = async (profile: 'local' | 'glue', sql: string): Promise<readonly unknown[]> => {
      const end = await runCli(['query', sql, '--json', '--profile', profile], { cwd: dir, env });
      expect(end, `${sql}: ${end.stdout}`).toMatchObject({ code: 0 });
      return (JSON.parse(end.stdout) as { readonly result: { readonly rows: readonly unknown[] } }).result.rows;
    };
    return { dir, env, run, cli, result, rows, glue, bucket, lake: `s3://${bucket.bucket}/${bucket.prefix}` };
  };

  it('holds, row for row, what a lake in a folder holds, and is cared for like one', async () => {
    const { cli, result, rows, glue, lake } = await demoProject(600);
    // A new lake: nothing is there yet, and the doctor says so.
    expect((await cli('doctor', '--json')).stdout).toContain('no table of this lake yet');
    await cli('consume', 'run', '--until-caught-up');
    await cli('gold', 'run');
    const sums = COMPARED_TABLES.map(
      (name) => `SELECT '${name}' AS name, count(*) AS n, sum(hash(r)::HUGEINT) AS hashes FROM ${name} r`,
    );
    const same = async (): Promise<void> => {
      const sql = `${sums.join(' UNION ALL ')} ORDER BY name`;
      const expected = (await rows('local', sql)) as readonly { readonly n: number | string }[];
      expect(expected.filter(({ n }) => Number(n) === 0)).toEqual([]);
      expect(expected).toHaveLength(COMPARED_TABLES.length);
      expect(await rows('glue', sql)).toEqual(expected);
      expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep)');
    };
    await same();
    const tables = await result<readonly { readonly metadataLocation: string }[]>('table', 'list');
    expect(tables.length).toBeGreaterThan(COMPARED_TABLES.length);
    for (const table of tables) expect(table.metadataLocation).toMatch(/\/metadata\/\d{5}-[0-9a-f-]{36}\.metadata\.json$/);
    await cli('table', 'history', 'silver.orders');
    await cli('table', 'compact');
    await cli('table', 'expire', '--keep', '1', '--older-than', '0s', '--force', '--yes');
    await cli('table', 'orphans', '--dry-run');
    await same();
    await cli('gold', 'insight', 'growth');
    await cli('lag', 'show');
    const doctor = (await cli('doctor', '--json')).stdout;
    expect(doctor).toContain('a commit on a stale VersionId is refused');
    expect(doctor).toContain(`tables in ${glue.databasePrefix}bronze, `);
    expect(doctor).toContain('tables readable');

    const python = await pythonWith('requirements-glue.txt');
    if (python === null) return;
    // pyiceberg asks Glue by name, and reads what that names.
    const request = {
      glue: ministack().endpoint,
      endpoint: s3().endpoint,
      accessKey: ACCESS_KEY,
      secretKey: SECRET_KEY,
      tables: COMPARED_TABLES.map((name) => `${glue.databasePrefix}${name}`),
    };
    const answers = await askPython<readonly object[]>('read_glue.py', request, python);
    for (const [n, name] of COMPARED_TABLES.entries()) {
      const [found] = (await rows('glue', `SELECT count(*)::INT AS n FROM ${name}`)) as { n: number }[];
      expect(answers[n], name).toEqual({ rows: found?.n, location: `${lake}/${name.replace('.', '/')}` });
    }
  });

  it('goes back to an earlier state, and on from there', async () => {
    const { cli, result, rows } = await demoProject(600);
    await cli('consume', 'run', '--until-caught-up', '--set', 'consume.flushRows=200');
    const counts = (): Promise<readonly unknown[]> => rows('glue', 'SELECT count(*)::INT AS n FROM silver.orders');
    const whole = await counts();
    const { snapshots } = await result<{ readonly snapshots: readonly { readonly id: string }[] }>(
      'table',
      'history',
      'silver.orders',
    );
    expect(snapshots.length).toBeGreaterThan(1);
    await cli('table', 'rollback', 'silver.orders', '--to', String(snapshots.at(-1)?.id), '--yes');
    expect(await counts()).not.toEqual(whole);
    await cli('consume', 'run', '--until-caught-up');
    expect(await counts()).toEqual(whole);
    expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep)');
  });

  it('comes through a Glue that goes away and comes back while it is built', async () => {
    const { dir, env, cli } = await demoProject(1000);
    const consume = startCli(['consume', 'run', '--until-caught-up', '--profile', 'glue', '--set', 'consume.flushRows=100'], {
      cwd: dir,
      env,
    });
    const isAtWork = async (): Promise<boolean> => (await cli('table', 'list', '--json')).stdout.includes('silver.orders');
    while (consume.child.exitCode === null && !(await isAtWork())) await new Promise((wake) => setTimeout(wake, 50));
    for (let round = 0; round < 3 && consume.child.exitCode === null; round++) {
      await ministack().shutdown();
      await new Promise((wake) => setTimeout(wake, 700));
      await ministack().start();
      await new Promise((wake) => setTimeout(wake, 1500));
    }
    const end = await consume.ended;
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep). 1000 events in bronze');
  });

  it('builds nothing in place of a table that Glue forgot, and takes it back', async () => {
    const { cli, run, rows, glue } = await demoProject(500);
    await cli('consume', 'run', '--until-caught-up');
    const count = 'SELECT count(*)::INT AS n FROM silver.orders';
    const before = await rows('glue', count);
    const client = await openTestGlue(glue);
    await client.send('forget', (asked) =>
      asked.send(new DeleteTableCommand({ DatabaseName: client.database('silver'), Name: 'orders' })),
    );
    const refused = await run('consume', 'run', '--until-caught-up');
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('Glue has no table silver.orders') });
    expect(refused.stderr).toContain('keystone table register');
    const unasked = await run('table', 'register');
    expect(unasked).toMatchObject({ code: 2, stderr: expect.stringContaining('1 tables would be entered') });
    await cli('table', 'register', 'silver.orders', '--yes');
    expect(await rows('glue', count)).toEqual(before);
    await cli('consume', 'run', '--until-caught-up');
    expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep)');

    const noStore = await run('table', 'list', '--set', 'store.adapter=folder');
    expect(noStore).toMatchObject({ code: 4, stderr: expect.stringContaining('Glue names tables in S3 alone') });
  });

  it('takes over a lake that was its own catalog, whose writers are then refused', async () => {
    const { cli, run, rows } = await demoProject(600);
    const asFolder = ['--set', 'catalog.adapter=folder'];
    await cli('consume', 'run', '--until-caught-up', ...asFolder);
    expect(await run('table', 'register', ...asFolder)).toMatchObject({ code: 2 });
    const { stdout: before } = await cli('ledger', 'verify', '--deep', '--json', ...asFolder);
    expect((await run('consume', 'run', '--until-caught-up')).stderr).toContain('says that there was one');

    const planned = await cli('table', 'register', '--dry-run');
    expect(planned.stderr).toContain('would be entered; nothing was changed');
    await cli('table', 'register', '--yes');
    expect((await cli('table', 'register', '--yes')).stderr).toContain('Nothing to do');
    const { stdout: after } = await cli('ledger', 'verify', '--deep', '--json');
    const totals = (text: string): unknown => {
      const { result } = JSON.parse(text) as { readonly result: Record<string, unknown> };
      return result['totals'];
    };
    expect(totals(after)).toEqual(totals(before));

    const late = await run('consume', 'run', '--until-caught-up', ...asFolder);
    expect(late, late.stderr).toMatchObject({ code: 3, stderr: expect.stringContaining('registered in Glue') });
    await cli('gold', 'run');
    await cli('table', 'compact');
    expect(await rows('glue', 'SELECT count(*)::INT AS n FROM bronze.events')).toEqual([{ n: 600 }]);
    expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep)');
  });
});

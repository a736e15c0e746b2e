/** `query`, `cost` and `doctor` as people call them, on a lake in S3 and Glue that Trino and Athena read. */
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, type CliEnd } from '../support/cli-process.js';
import { putSilver } from '../support/silver-lake.js';
import { hasQueryServices, openQueryLake, QUERY_ENV, queryProfile, queryServices, type OpenedLake } from './query-services.js';

const ORDERS = `SELECT 'order-' || i AS order_id, 'c1' AS customer_id, 'delivered' AS order_status,
  TIMESTAMP '2018-01-01 10:00:00' + to_days((i % 5)::INTEGER) AS order_purchase_timestamp FROM range(500) t(i)`;
const ONE_DAY =
  "SELECT count(DISTINCT order_id) AS n FROM silver.orders WHERE order_purchase_timestamp < TIMESTAMP '2018-01-02 00:00:00'";

describe.skipIf(!hasQueryServices)('query on services', () => {
  const services = queryServices();
  let lake: OpenedLake;
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
    const profile = await queryProfile(services(), 'athena');
    lake = await openQueryLake(services(), 'athena', {}, {}, profile);
    await putSilver(lake.lakehouse, 'orders', ORDERS);
    await cp(path.resolve('templates/contracts'), path.join(dir, 'contracts'), { recursive: true });
    await writeFile(path.join(dir, 'keystone.yaml'), stringify({ version: 1, profiles: { local: profile } }));
  });
  afterAll(async () => {
    await lake?.close();
    await rm(dir, { recursive: true, force: true });
  });
  const cli = (...args: readonly string[]): Promise<CliEnd> => runCli(args, { cwd: dir, env: QUERY_ENV });
  const json = async (...args: readonly string[]): Promise<Record<string, unknown> & { warnings: readonly string[] }> => {
    const end = await cli(...args, '--json');
    if (end.code !== 0) throw new Error(end.stdout + end.stderr);
    const { result, warnings } = JSON.parse(end.stdout) as { result: Record<string, unknown>; warnings: readonly string[] };
    return { ...result, warnings };
  };

  it('is answered by each engine alike', async () => {
    for (const engine of ['athena', 'trino', 'duckdb']) {
      const answer = await json('query', ONE_DAY, '--engine', engine);
      expect(answer).toMatchObject({ rows: [{ n: 100 }], answeredBy: engine, warnings: [] });
      expect(answer['estimatedBytes']).toBeGreaterThan(0);
    }
    const said = await cli('query', ONE_DAY);
    expect(said.stderr).toMatch(/^athena is estimated to read \S+ kB of silver\.orders, which costs \$0\.000050$/m);
    expect((await cli('query', ONE_DAY, '--quiet')).stderr).toBe('');
    expect(said.stderr).toMatch(
      /^Done\. 1 row from \S+ kB of files \(estimated \S+ kB\), billed 10\.0 MB: \$0\.000050 by athena in /m,
    );
  });

  it('refuses what would read every partition, or too much, before it runs', async () => {
    const before = services().athena.statements.length;
    const whole = await cli('query', 'SELECT * FROM silver.orders', '--json');
    expect(whole.code).toBe(2);
    expect(JSON.parse(whole.stdout)).toMatchObject({ error: { code: 'KS_COST_LIMIT', details: { table: 'silver.orders' } } });
    const large = await cli('query', ONE_DAY, '--max-scan', '1B', '--json');
    expect(JSON.parse(large.stdout)).toMatchObject({ error: { code: 'KS_COST_LIMIT', details: { maxScan: 1 } } });
    expect(services().athena.statements).toHaveLength(before);
    expect(await json('query', 'SELECT count(order_id) AS n FROM silver.orders', '--allow-full-scan')).toMatchObject({
      rows: [{ n: 500 }],
    });
  });

  it('names what is misspelt or set wrong, and how to see what there is', async () => {
    const wrong = async (...args: readonly string[]): Promise<{ code: string; message: string; hint: string }> => {
      const { error } = JSON.parse((await cli('query', ...args, '--json')).stdout) as {
        error: { code: string; message: string; hint: string };
      };
      return error;
    };
    for (const engine of ['athena', 'trino']) {
      expect(await wrong(ONE_DAY.replace('DISTINCT order_id', 'DISTINCT ordr_id'), '--engine', engine)).toMatchObject({
        code: 'KS_SQL',
        hint: 'did you mean order_id (silver.orders)? keystone query "DESCRIBE silver.orders" lists the columns',
      });
    }
    expect(await wrong(ONE_DAY, '--engine', 'trino', '--set', 'engine.trino.catalog=nix')).toMatchObject({
      code: 'KS_CONFIG',
      hint: expect.stringContaining('engine.trino.catalog'),
    });
    expect(await wrong(ONE_DAY, '--set', 'engine.athena.output=s3://no-such-bucket-anywhere/r/')).toMatchObject({
      code: 'KS_CONFIG',
      hint: expect.stringContaining('engine.athena.output'),
    });
  });

  it('reads all tables of a statement at the snapshots of its beginning', async () => {
    await json('query', ONE_DAY);
    expect(services().athena.statements.at(-1)?.sql).toMatch(/"t\w+_silver"\."orders" FOR VERSION AS OF \d+ WHERE/);
  });

  it('streams Arrow', async () => {
    const end = await cli('query', 'SELECT order_id FROM silver.orders', '--allow-full-scan', '--output', 'arrow');
    expect(end).toMatchObject({ code: 0, stderr: expect.stringContaining('Done. 500 rows') });
  });

  it('takes a refusal of Athena for later, and for whom', async () => {
    services().athena.refuse('StartQueryExecution', 'TooManyRequestsException', 2);
    expect(await json('query', ONE_DAY, '--no-fallback')).toMatchObject({ answeredBy: 'athena' });
    services().athena.refuse('StartQueryExecution', 'AccessDeniedException', 1);
    const denied = await cli('query', ONE_DAY, '--json');
    expect(denied.code).toBe(4);
    expect(JSON.parse(denied.stdout)).toMatchObject({ error: { code: 'KS_CREDENTIALS' } });
  });

  it('records what statements cost', async () => {
    const report = await json('cost', 'report', '--by', 'table', '--since', '1h');
    const scans = report['scans'] as readonly { group: string; statements: number; actualBytes: number }[];
    const orders = scans.find(({ group }) => group === 'silver.orders');
    expect(orders?.statements).toBeGreaterThan(1);
    expect(orders?.actualBytes).toBeGreaterThan(0);
    expect(report['scanDollars']).toBeGreaterThan(0);
    expect(report['storage']).toEqual([expect.objectContaining({ table: 'silver.orders', bytes: expect.any(Number) })]);
    expect((await cli('cost', 'estimate', ONE_DAY)).stderr).toContain('Athena would bill 10.0 MB');
  });

  it('is looked at by the doctor', async () => {
    const checks = async (): Promise<readonly { check: string; status: string; found: string }[]> =>
      (
        JSON.parse((await cli('doctor', '--json')).stdout) as {
          result: { checks: readonly { check: string; status: string; found: string }[] };
        }
      ).result.checks;
    const engine = (await checks()).filter(({ check }) => /^(?:athena|trino)/.test(check));
    expect(engine.map(({ check, status }) => [check, status])).toEqual([
      ['athena workgroup', 'ok'],
      ['athena output', 'ok'],
      ['trino', 'ok'],
    ]);
  });

  it('is answered by DuckDB, then by the last answer, when the service is away', async () => {
    await json('query', ONE_DAY);
    // Athena is told in another way here: its endpoint answers nothing.
    const away = ['--set', 'engine.athena.endpoint=http://127.0.0.1:9'];
    const local = await json('query', ONE_DAY, ...away);
    expect(local).toMatchObject({ rows: [{ n: 100 }], answeredBy: 'duckdb' });
    expect(local.warnings.join()).toMatch(/athena did not answer .* answered by duckdb/);
    const only = await cli('query', ONE_DAY, ...away, '--no-fallback', '--json');
    expect(only.code).toBe(5);
    // Without its files DuckDB can't answer either.
    await services().s3.kill();
    const gone = await json('query', ONE_DAY, ...away);
    expect(gone).toMatchObject({ rows: [{ n: 100 }], answeredBy: 'cache' });
    expect(gone.warnings.join()).toMatch(/this is the answer of \d+ (?:second|minute)s? ago, not of now/);
    const never = await cli('query', `${ONE_DAY} AND day = 1`, ...away, '--json');
    expect(never.code).toBe(5);
    expect(JSON.parse(never.stdout)).toMatchObject({
      error: { message: expect.stringContaining('no answer to the same words') },
    });
    await services().s3.start();
  });
});

/** Trino beside Keystone on the same tables, by the command line: it builds and finds what Keystone would, and Keystone goes on after what it writes. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTrinoService } from '../../src/core/engine/trino/trino-engine.js';
import { remoteStatements } from '../../src/core/engine/remote/remote-statements.js';
import type { StatementEngine } from '../../src/core/engine/statement-engine.js';
import { profileConfig } from '../../src/core/config/config.js';
import type { PlannedModel } from '../../src/core/gold/run-gold.js';
import { runCli, type CliEnd } from '../support/cli-process.js';
import { systemEffects } from '../support/effects.js';
import { hasQueryServices, QUERY_ENV, queryProfile, queryServices } from './query-services.js';

const project = path.resolve(import.meta.dirname, '../..');

/** Each with a column to add up. */
const TABLES = [
  ['silver.orders', null],
  ['silver.customers', null],
  ['silver.order_items', 'price'],
  ['silver.order_payments', 'payment_value'],
  ['gold.dim_customer', 'orders'],
  ['gold.dim_date', 'date_key'],
  ['gold.dim_product', null],
  ['gold.dim_seller', null],
  ['gold.fact_sales', 'total'],
  ['gold.fact_reviews', 'review_score'],
  ['gold.daily_regional_sales', 'revenue'],
] as const;

const SELLER = 'seller_id, seller_zip_code_prefix, seller_city, seller_state';

interface Models {
  readonly models: readonly PlannedModel[];
}

// The tests share one lake, each goes on from what the one before left.
describe.skipIf(!hasQueryServices)('Trino beside Keystone', () => {
  const services = queryServices();
  let dir = '';
  let trino: StatementEngine;

  const run = (...args: readonly string[]): Promise<CliEnd> =>
    runCli([...args, '--profile', 'far'], { cwd: dir, env: QUERY_ENV });
  const cli = async (...args: readonly string[]): Promise<CliEnd> => {
    const end = await run(...args);
    expect(end, `keystone ${args.join(' ')}: ${end.stderr}`).toMatchObject({ code: 0 });
    return end;
  };
  const result = async <T>(...args: readonly string[]): Promise<T> =>
    (JSON.parse((await cli(...args, '--json')).stdout) as { readonly result: T }).result;
  /** By Keystone's own reader: what this machine made, or what lies in the services. */
  const rows = async (profile: 'local' | 'far', sql: string): Promise<readonly unknown[]> => {
    const asked = ['query', sql, '--engine', 'duckdb', '--json', '--profile', profile];
    const end = await runCli(asked, { cwd: dir, env: QUERY_ENV });
    expect(end, `${sql}: ${end.stdout}${end.stderr}`).toMatchObject({ code: 0 });
    return (JSON.parse(end.stdout) as { readonly result: { readonly rows: readonly unknown[] } }).result.rows;
  };
  const inTrino = (name: string): string => `${trino.schemaSql(name.split('.')[0] ?? '')}.${name.split('.')[1]}`;
  const one = async (sql: string): Promise<unknown> => Object.values((await trino.execute(sql)).rows[0] ?? {})[0];
  const accountCloses = async (): Promise<void> => {
    expect((await cli('ledger', 'verify', '--deep')).stderr).toContain('The account closes (deep)');
  };
  /** What Keystone says of row-level deletes, and that its hint helps. */
  const refusedUntilMerged = async (name: string, commands: readonly (readonly string[])[]): Promise<void> => {
    const [schema = '', table = ''] = name.split('.');
    const snapshots = `${trino.schemaSql(schema)}."${table}$snapshots"`;
    const newest = await one(`SELECT snapshot_id FROM ${snapshots} ORDER BY committed_at DESC LIMIT 1`);
    for (const command of commands) {
      const refused = await run(...command);
      expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining(`KS_TABLE_UNSUPPORTED: ${name} `) });
      expect(refused.stderr).toContain(`row-level deletes in its snapshot ${String(newest)}`);
      expect(refused.stderr).toContain(`ALTER TABLE ${name} EXECUTE optimize`);
    }
    await trino.execute(`ALTER TABLE ${inTrino(name)} EXECUTE optimize`);
  };
  const newSeller = async (letter: string): Promise<void> => {
    const csv = path.join(dir, 'olist_sellers_dataset.csv');
    await writeFile(csv, `${SELLER.replaceAll(' ', '')}\n${letter.repeat(32)},13023,campinas,SP\n`);
    await cli('ingest', 'csv', csv, '--dataset', 'sellers');
    await cli('consume', 'run', '--until-caught-up');
  };

  beforeAll(async () => {
    dir = path.join(await mkdtemp(path.join(os.tmpdir(), 'keystone-test-')), 'project');
    const made = await runCli(['demo', '--keep', dir, '--events', '500', '--quiet'], { cwd: project });
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const settings = {
      ...(await queryProfile(services(), 'trino')),
      log: { partitions: 6 },
      state: { path: '.keystone/far.db' },
    };
    const file = path.join(dir, 'keystone.yaml');
    await writeFile(file, `${(await readFile(file, 'utf8')).trimEnd()}\n  far: ${JSON.stringify(settings)}\n`);
    const { engine, catalog } = profileConfig.parse(settings);
    const { clock } = systemEffects();
    const service = await openTrinoService({ trino: engine.trino, env: QUERY_ENV, projectDir: dir, clock, random: Math.random });
    trino = remoteStatements({ service, catalog: engine.trino.catalog, databasePrefix: catalog.glue.databasePrefix });
    await cli('consume', 'run', '--until-caught-up', '--set', 'consume.flushRows=300');
  });
  afterAll(async () => {
    if (dir !== '') await rm(path.dirname(dir), { recursive: true, force: true });
  });

  it('builds the gold that DuckDB builds, and reads what Keystone wrote', async () => {
    // Gold by Trino is, row for row, what DuckDB made of the same events in a folder.
    const built = await result<{ readonly engine: string; readonly bytesScanned: number }>('gold', 'run');
    expect(built).toMatchObject({ engine: 'trino', bytesScanned: expect.any(Number) });
    const hashes = TABLES.map(
      ([name]) => `SELECT '${name}' AS name, count(*) AS n, sum(hash(r)::HUGEINT) AS hashes FROM ${name} r`,
    );
    const gold = `${hashes.join(' UNION ALL ')} ORDER BY name`;
    expect(await rows('far', gold)).toEqual(await rows('local', gold));
    const validated = await run('validate', 'partition', 'order_items', 'all');
    expect(validated).toMatchObject({ code: 3, stderr: expect.stringContaining('read by trino') });

    // The same counts and sums, by Trino's own reading.
    const sums = (from: (name: string) => string): string =>
      `${TABLES.map(
        ([name, column]) =>
          `SELECT '${name}' AS name, count(*) AS n, ${column === null ? 'NULL' : `CAST(sum(${column}) AS VARCHAR)`} AS total FROM ${from(name)}`,
      ).join(' UNION ALL ')} ORDER BY name`;
    expect((await trino.execute(sums(inTrino))).rows).toEqual(
      await rows(
        'far',
        sums((name) => name),
      ),
    );
  });

  it('finds every snapshot, by its id and by its time', async () => {
    const { snapshots } = await result<{
      readonly snapshots: readonly { readonly id: string; readonly committed: string; readonly totalRows: number | null }[];
    }>('table', 'history', 'silver.orders');
    expect(new Set(snapshots.map(({ totalRows }) => totalRows)).size).toBeGreaterThan(1);
    for (const { id, committed, totalRows } of snapshots) {
      const time = new Date(committed).toISOString().replace('T', ' ').replace('Z', ' UTC');
      const orders = `SELECT count(*) FROM ${inTrino('silver.orders')} FOR`;
      expect(await one(`${orders} VERSION AS OF ${id}`)).toBe(totalRows);
      expect(await one(`${orders} TIMESTAMP AS OF TIMESTAMP '${time}'`)).toBe(totalRows);
    }
  });

  it('merges and inserts: Keystone goes on, and names the rows that are no events', async () => {
    const sellers = Number(await one(`SELECT count(*) FROM ${inTrino('silver.sellers')}`));
    // Merged files are no change of rows. A foreign row in gold is one: the model is built anew.
    await trino.execute(`ALTER TABLE ${inTrino('silver.sellers')} EXECUTE optimize`);
    await trino.execute(`ALTER TABLE ${inTrino('silver.orders')} EXECUTE optimize`);
    await trino.execute(`INSERT INTO ${inTrino('gold.dim_seller')} SELECT * FROM ${inTrino('gold.dim_seller')} LIMIT 1`);
    await newSeller('1');
    await accountCloses();
    const seller = { model: 'gold.dim_seller', action: 'rebuild', reason: 'its rows were changed by another writer' };
    expect((await result<Models>('gold', 'run', 'dim_seller')).models).toEqual([expect.objectContaining(seller)]);
    expect(await one(`SELECT count(*) FROM ${inTrino('gold.dim_seller')}`)).toBe(sellers + 1);

    // A row of its own in silver names a place that no event has. Events are consumed all the same.
    await trino.execute(
      `INSERT INTO ${inTrino('silver.sellers')} (${SELLER}, _topic, _partition, _offset, _event_id, _log_time)
       VALUES ('${'f'.repeat(32)}', '13023', 'campinas', 'SP', 'elsewhere', 0, 7, 'e', TIMESTAMP '2020-01-01 00:00:00')`,
    );
    await newSeller('2');
    const broken = await run('ledger', 'verify', '--deep', '--json');
    expect(broken.code).toBe(3);
    expect(broken.stdout).toContain('1 rows name places that no event of bronze has: another writer put them in');
    expect(broken.stdout).toContain('elsewhere/0/7');
    // Taking it back is a row-level delete to Trino, until it has merged that.
    await trino.execute(`DELETE FROM ${inTrino('silver.sellers')} WHERE _topic = 'elsewhere'`);
    await refusedUntilMerged('silver.sellers', [['ledger', 'verify', '--deep']]);
    await accountCloses();
    expect(await one(`SELECT count(*) FROM ${inTrino('silver.sellers')}`)).toBe(sellers + 2);
  });

  it('updates single rows: refused by name, until it has merged them', async () => {
    const counted = 'SELECT count(*)::INT AS n, sum(total)::VARCHAR AS total FROM gold.fact_sales';
    const before = await rows('far', counted);
    const sales = inTrino('gold.fact_sales');
    await trino.execute(`UPDATE ${sales} SET total = 0 WHERE order_id = (SELECT max(order_id) FROM ${sales})`);
    await refusedUntilMerged('gold.fact_sales', [
      ['query', counted, '--engine', 'duckdb'],
      ['gold', 'run', 'fact_sales', '--engine', 'duckdb'],
    ]);
    expect(await rows('far', counted)).not.toEqual(before);
    expect((await result<Models>('gold', 'run', 'fact_sales', '--engine', 'duckdb')).models).toContainEqual(
      expect.objectContaining({ model: 'gold.fact_sales', action: 'rebuild', reason: 'its rows were changed by another writer' }),
    );
    expect(await rows('far', counted)).toEqual(before);
  });
});

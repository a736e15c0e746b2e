/** Trino beside Keystone on the same tables, by the command line: it makes the gold that DuckDB makes, and finds what Keystone wrote. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTrinoService } from '../../src/core/engine/trino/trino-engine.js';
import { remoteStatements } from '../../src/core/engine/remote/remote-statements.js';
import { profileConfig } from '../../src/core/config/config.js';
import { runCli, type CliEnd } from '../support/cli-process.js';
import { systemEffects } from '../support/effects.js';
import { tempDir } from '../support/temp-dir.js';
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

describe.skipIf(!hasQueryServices)('Trino beside Keystone', () => {
  const services = queryServices();

  it('builds the gold that DuckDB builds, and reads what Keystone wrote', async () => {
    const dir = path.join(await tempDir(), 'project');
    const made = await runCli(['demo', '--keep', dir, '--events', '500', '--quiet'], { cwd: project });
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const settings = {
      ...(await queryProfile(services(), 'trino')),
      log: { partitions: 6 },
      state: { path: '.keystone/far.db' },
    };
    const file = path.join(dir, 'keystone.yaml');
    await writeFile(file, `${(await readFile(file, 'utf8')).trimEnd()}\n  far: ${JSON.stringify(settings)}\n`);
    const run = (...args: readonly string[]): Promise<CliEnd> =>
      runCli([...args, '--profile', 'far'], { cwd: dir, env: QUERY_ENV });
    const cli = async (...args: readonly string[]): Promise<CliEnd> => {
      const end = await run(...args);
      expect(end, `keystone ${args.join(' ')}: ${end.stderr}`).toMatchObject({ code: 0 });
      return end;
    };
    const result = async <T>(...args: readonly string[]): Promise<T> =>
      (JSON.parse((await cli(...args, '--json')).stdout) as { readonly result: T }).result;
    const rows = async (profile: 'local' | 'far', sql: string): Promise<readonly unknown[]> => {
      const set = profile === 'far' ? ['--set', 'engine.adapter=duckdb'] : [];
      const end = await runCli(['query', sql, '--json', '--profile', profile, ...set], { cwd: dir, env: QUERY_ENV });
      expect(end, `${sql}: ${end.stdout}${end.stderr}`).toMatchObject({ code: 0 });
      return (JSON.parse(end.stdout) as { readonly result: { readonly rows: readonly unknown[] } }).result.rows;
    };
    const { engine, catalog } = profileConfig.parse(settings);
    const effects = systemEffects();
    const service = await openTrinoService({
      trino: engine.trino,
      env: QUERY_ENV,
      projectDir: dir,
      clock: effects.clock,
      random: Math.random,
    });
    const trino = remoteStatements({ service, catalog: engine.trino.catalog, databasePrefix: catalog.glue.databasePrefix });
    const inTrino = (name: string): string => `${trino.schemaSql(name.split('.')[0] ?? '')}.${name.split('.')[1]}`;

    // Gold by Trino is, row for row, what DuckDB made of the same events in a folder.
    await cli('consume', 'run', '--until-caught-up', '--set', 'consume.flushRows=300');
    const built = await result<{ readonly engine: string; readonly bytesScanned: number }>('gold', 'run');
    expect(built).toMatchObject({ engine: 'trino', bytesScanned: expect.any(Number) });
    const hashes = TABLES.map(
      ([name]) => `SELECT '${name}' AS name, count(*) AS n, sum(hash(r)::HUGEINT) AS hashes FROM ${name} r`,
    );
    const gold = `${hashes.join(' UNION ALL ')} ORDER BY name`;
    const whole = await rows('local', gold);
    expect(await rows('far', gold)).toEqual(whole);
    const validated = await run('validate', 'partition', 'order_items', 'all');
    expect(validated).toMatchObject({ code: 3, stderr: expect.stringContaining('read by trino') });

    // The same counts and sums, by Trino's own reading.
    const sums = (from: (name: string) => string, text: string): string =>
      TABLES.map(
        ([name, column]) =>
          `SELECT '${name}' AS name, count(*) AS n, ${column === null ? 'NULL' : `CAST(sum(${column}) AS ${text})`} AS total FROM ${from(name)}`,
      ).join(' UNION ALL ');
    const ours = await rows('far', `${sums((name) => name, 'VARCHAR')} ORDER BY name`);
    const theirs = await trino.execute(`${sums(inTrino, 'VARCHAR')} ORDER BY name`);
    expect(theirs.rows).toEqual(ours);
  });
});

/** Another engine on the tables that Glue names: Trino reads what Keystone wrote, writes beside it, and asks the exports as plain Hive. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { removeOrphans } from '../../src/core/care/remove-orphans.js';
import { expireSnapshots } from '../../src/core/care/expire-snapshots.js';
import { publishDatasets } from '../../src/core/publish/publish-datasets.js';
import { putSilver } from '../support/silver-lake.js';
import { systemEffects } from '../support/effects.js';
import { hasQueryServices, openQueryLake, queryServices } from './query-services.js';

interface TrinoAnswer {
  readonly nextUri?: string;
  readonly data?: readonly (readonly unknown[])[];
  readonly error?: { readonly message: string };
}

/** Rows of one statement, by Trino's own protocol. */
async function ask(url: string, sql: string): Promise<readonly (readonly unknown[])[]> {
  const rows: (readonly unknown[])[] = [];
  let answer = (await (
    await fetch(`${url}/v1/statement`, { method: 'POST', body: sql, headers: { 'X-Trino-User': 'test' } })
  ).json()) as TrinoAnswer;
  for (;;) {
    if (answer.error) throw new Error(`${sql}: ${answer.error.message}`);
    rows.push(...(answer.data ?? []));
    if (answer.nextUri === undefined) return rows;
    answer = (await (await fetch(answer.nextUri)).json()) as TrinoAnswer;
  }
}

const ORDERS = (from: number, to: number): string =>
  `SELECT lpad(i::VARCHAR, 32, '0') AS order_id, lpad(i::VARCHAR, 32, '0') AS customer_id, 'delivered' AS order_status,
     TIMESTAMP '2017-10-02 23:59:59.999999' + INTERVAL (i % 40) DAY AS order_purchase_timestamp FROM range(${from}, ${to}) t(i)`;

describe.skipIf(!hasQueryServices)('Trino on tables that Glue names', { timeout: 600_000 }, () => {
  const services = queryServices();

  const freshLake = async () => {
    const { lakehouse, close } = await openQueryLake(services(), 'duckdb');
    onTestFinished(close);
    const prefix = lakehouse.config.profile.catalog.glue.databasePrefix;
    const { url } = services().trino;
    return {
      lakehouse,
      iceberg: (sql: string) => ask(url, sql.replaceAll('SILVER', `iceberg.${prefix}silver`)),
      hive: (sql: string) => ask(url, sql.replaceAll('PUBLISH', `awsdatacatalog.${prefix}publish`)),
    };
  };

  it('writes beside Keystone: each goes on from what the other committed', async () => {
    const { lakehouse, iceberg } = await freshLake();
    await putSilver(lakehouse, 'orders', ORDERS(0, 100));
    expect(await iceberg('SELECT count(*), count(DISTINCT order_id) FROM SILVER.orders')).toEqual([[100, 100]]);
    const table = await lakehouse.table('silver.orders');
    if (!table) throw new Error('there is no table');

    await iceberg("INSERT INTO SILVER.orders SELECT * FROM SILVER.orders WHERE order_id = lpad('7', 32, '0')");
    expect((await table.scan()).recordCount).toBe(101);
    const theirs = await table.state();
    expect(theirs.metadataLocation).toMatch(/\/metadata\/\d{5}-[0-9a-f-]{36}\.metadata\.json$/);
    await putSilver(lakehouse, 'orders', ORDERS(100, 150));
    expect(await iceberg('SELECT count(*) FROM SILVER.orders')).toEqual([[151]]);

    await iceberg('ALTER TABLE SILVER.orders EXECUTE optimize');
    await putSilver(lakehouse, 'orders', ORDERS(150, 160));
    expect(await iceberg('SELECT count(*), count(DISTINCT order_id) FROM SILVER.orders')).toEqual([[161, 160]]);
    expect((await table.scan()).recordCount).toBe(161);

    // Time travel finds the state before Trino's first commit.
    const { snapshots } = await table.state();
    expect(await iceberg(`SELECT count(*) FROM SILVER.orders FOR VERSION AS OF ${snapshots[0]?.id}`)).toEqual([[100]]);

    await expireSnapshots(table, { keep: 1, keepForMs: 0 }, systemEffects());
    await removeOrphans(table, 0, systemEffects());
    expect(await iceberg('SELECT count(*), count(DISTINCT order_id) FROM SILVER.orders')).toEqual([[161, 160]]);

    await iceberg("DELETE FROM SILVER.orders WHERE order_id = lpad('7', 32, '0')");
    await expect(table.scan()).rejects.toMatchObject({ code: 'KS_TABLE_UNSUPPORTED' });
  });

  it('reads exports as plain Hive, by the partitions that their folders name', async () => {
    const { lakehouse, hive } = await freshLake();
    await putSilver(lakehouse, 'orders', ORDERS(0, 100));
    await putSilver(
      lakehouse,
      'sellers',
      "SELECT repeat('a', 32) AS seller_id, '01001' AS seller_zip_code_prefix, 'x' AS seller_city, 'SP' AS seller_state",
    );
    const publish = () =>
      publishDatasets(lakehouse, {
        datasets: [],
        dryRun: false,
        force: false,
        progress: () => undefined,
        signal: new AbortController().signal,
      });
    const published = await publish();
    expect(published).toMatchObject({ hasCatalog: true });
    expect(published.datasets.map(({ dataset, outcome }) => [dataset, outcome]).toSorted()).toEqual([
      ['orders', 'published'],
      ['sellers', 'published'],
    ]);
    expect(await hive('SELECT count(*), count(DISTINCT order_id) FROM PUBLISH.orders')).toEqual([[100, 100]]);
    expect(
      await hive(
        'SELECT year, month, day, count(*), CAST(max(order_purchase_timestamp) AS VARCHAR) FROM PUBLISH.orders WHERE year = 2017 AND month = 10 AND day = 2 GROUP BY 1, 2, 3',
      ),
    ).toEqual([[2017, 10, 2, 3, '2017-10-02 23:59:59.999']]);
    expect(await hive('SELECT seller_id, seller_state FROM PUBLISH.sellers')).toEqual([['a'.repeat(32), 'SP']]);
    const columns = await hive('SHOW COLUMNS FROM PUBLISH.orders');
    const comment = columns.find(([name]) => name === 'order_id')?.[3];
    expect(comment).toBe(
      (await lakehouse.contracts()).get('orders')?.columns.find(({ name }) => name === 'order_id')?.description,
    );

    // The next export takes its place at once.
    await putSilver(lakehouse, 'orders', ORDERS(100, 130));
    expect(await hive('SELECT count(*) FROM PUBLISH.orders')).toEqual([[100]]);
    const again = await publish();
    expect(again.datasets.map(({ dataset, outcome }) => [dataset, outcome]).toSorted()).toEqual([
      ['orders', 'published'],
      ['sellers', 'unchanged'],
    ]);
    expect(await hive('SELECT count(*) FROM PUBLISH.orders')).toEqual([[130]]);
    // Lists of tables of the lake name no export.
    expect(await lakehouse.tableNames()).toEqual(['silver.orders', 'silver.sellers']);
  });
});

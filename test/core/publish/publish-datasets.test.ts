/** Exports of silver for readers who know no Iceberg, on a lake in a folder. */
import { readdir, readFile, utimes } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { publishDatasets, type PublishOptions } from '../../../src/core/publish/publish-datasets.js';
import { putSilver, silverLake } from '../../support/silver-lake.js';

const publish = (lakehouse: Lakehouse, options: Partial<PublishOptions> = {}) =>
  publishDatasets(lakehouse, {
    datasets: ['orders'],
    dryRun: false,
    force: false,
    progress: () => undefined,
    signal: new AbortController().signal,
    ...options,
  });

const orders = (from: number, to: number, at = "TIMESTAMP '2017-10-02 23:59:59.999999'"): string =>
  `SELECT lpad(i::VARCHAR, 32, '0') AS order_id, lpad(i::VARCHAR, 32, '0') AS customer_id, 'delivered' AS order_status,
     ${at} + INTERVAL (i) DAY AS order_purchase_timestamp FROM range(${from}, ${to}) t(i)`;

/** What a reader of Hive finds below a folder. */
const readBack = async (lakehouse: Lakehouse, location: string, sql: string): Promise<readonly unknown[]> => {
  const session = await lakehouse.duck();
  try {
    return await session.jsonRows(sql.replace('EXPORT', `read_parquet('${location}**/*.parquet', hive_partitioning = true)`));
  } finally {
    await session.close();
  }
};
/** Folders of exports that hold files. */
const exportsOf = async (lakehouse: Lakehouse): Promise<readonly string[]> => {
  const folders = new Set<string>();
  const store = await lakehouse.store();
  for await (const { key } of store.list('publish/')) if (key.endsWith('.parquet')) folders.add(key.split('/')[2] ?? '');
  return [...folders].toSorted();
};

describe('contract publish', () => {
  it('writes every row once, with milliseconds, in the folder of its day', async () => {
    const lakehouse = await silverLake();
    await putSilver(lakehouse, 'orders', orders(0, 150));
    const { datasets, hasCatalog } = await publish(lakehouse);
    expect(hasCatalog).toBe(false);
    const [done] = datasets;
    expect(done).toMatchObject({ dataset: 'orders', outcome: 'published', rows: 150, files: 150, readerTable: null });
    const location = done?.location ?? '';
    const found = await readBack(
      lakehouse,
      location,
      `SELECT count(*)::INT AS n, count(DISTINCT order_id)::INT AS ids, any_value(typeof(order_purchase_timestamp)) AS type,
         bool_and(year = year(order_purchase_timestamp) AND month = month(order_purchase_timestamp) AND day = day(order_purchase_timestamp)) AS same,
         max(order_purchase_timestamp)::VARCHAR AS last FROM EXPORT`,
    );
    expect(found).toEqual([{ n: 150, ids: 150, type: 'TIMESTAMP', same: true, last: '2018-02-28 23:59:59.999' }]);
    const [first] = (await readdir(location, { recursive: true })).filter((name) => name.endsWith('.parquet')).toSorted();
    expect(first).toMatch(/^year=2017\/month=10\/day=02\//);
    const schema = await readBack(
      lakehouse,
      location,
      `SELECT name, logical_type FROM parquet_schema('${location}${first}') WHERE name IN ('order_purchase_timestamp', 'year')`,
    );
    expect(schema).toEqual([
      { name: 'order_purchase_timestamp', logical_type: expect.stringContaining('MILLIS=MilliSeconds()') },
    ]);
  });

  it('exports again only what changed, keeps the export before, and lets older ones go', async () => {
    const lakehouse = await silverLake();
    await putSilver(lakehouse, 'orders', orders(0, 3));
    const first = (await publish(lakehouse)).datasets[0];
    expect((await publish(lakehouse)).datasets[0]).toMatchObject({ outcome: 'unchanged', location: first?.location, rows: 3 });
    await putSilver(lakehouse, 'orders', orders(3, 5));
    expect((await publish(lakehouse, { dryRun: true })).datasets[0]).toMatchObject({
      outcome: 'would publish',
      rows: 5,
      // What the export will be is not known; what it is made from is.
      files: null,
      bytes: null,
      sourceFiles: 5,
      sourceBytes: expect.any(Number) as number,
    });
    const second = (await publish(lakehouse)).datasets[0];
    expect(second).toMatchObject({ outcome: 'published', rows: 5 });
    expect(await exportsOf(lakehouse)).toHaveLength(2);
    const old = new Date(Date.now() - 2 * 3_600_000);
    for (const name of await readdir(first?.location ?? '', { recursive: true, withFileTypes: true }))
      if (name.isFile()) await utimes(path.join(name.parentPath, name.name), old, old);
    const third = (await publish(lakehouse, { force: true })).datasets[0];
    expect(await exportsOf(lakehouse)).toEqual([second, third].map((one) => path.basename(one?.location ?? '')).toSorted());
    const current = JSON.parse(
      await readFile(path.join(path.dirname(third?.location.replace(/\/$/, '') ?? ''), 'current.json'), 'utf8'),
    );
    expect(current).toMatchObject({ rows: 5, folder: `publish/orders/${path.basename(third?.location ?? '')}` });
  });

  it('writes one folder of files where a contract names no partition, and exports an empty table', async () => {
    const lakehouse = await silverLake();
    await putSilver(
      lakehouse,
      'sellers',
      "SELECT repeat('a', 32) AS seller_id, '01001' AS seller_zip_code_prefix, 'x' AS seller_city, 'SP' AS seller_state",
    );
    await putSilver(lakehouse, 'orders', orders(0, 1));
    await putSilver(lakehouse, 'orders', `${orders(0, 1)} WHERE false`, true);
    const { datasets } = await publish(lakehouse, { datasets: [] });
    expect(datasets.map(({ dataset, rows }) => [dataset, rows]).toSorted()).toEqual([
      ['orders', 0],
      ['sellers', 1],
    ]);
    const sellers = datasets.find(({ dataset }) => dataset === 'sellers')?.location ?? '';
    expect(await readdir(sellers)).toEqual(['all.parquet']);
  });

  it('leaves nothing behind when it is stopped or two publish at once', async () => {
    const lakehouse = await silverLake();
    await putSilver(lakehouse, 'orders', orders(0, 200));
    const stop = new AbortController();
    const stopped = publish(lakehouse, {
      signal: stop.signal,
      progress: ({ unit, done }) => void (unit === 'days' && done > 0 && stop.abort()),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
    const store = await lakehouse.store();
    const keys = async (): Promise<readonly string[]> => {
      const found: string[] = [];
      for await (const { key } of store.list('publish/')) found.push(key);
      return found;
    };
    expect(await keys()).toEqual([]);

    const both = await Promise.allSettled([publish(lakehouse), publish(lakehouse)]);
    const lost = both.filter((one) => one.status === 'rejected').map((one) => one.reason as unknown);
    expect(lost).toEqual([expect.objectContaining({ code: 'KS_COMMIT_CONFLICT' })]);
    const files = (await keys()).filter((key) => key.endsWith('.parquet'));
    expect(files).toHaveLength(200);
  });

  it('says what it cannot export', async () => {
    const lakehouse = await silverLake();
    await expect(publish(lakehouse)).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await expect(publish(lakehouse, { datasets: ['nothing'] })).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    expect((await publish(lakehouse, { datasets: [] })).datasets).toEqual([]);
  });
});

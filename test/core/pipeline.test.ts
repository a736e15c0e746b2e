import { describe, expect, it } from 'vitest';
import type { Lakehouse } from '../../src/core/lakehouse.js';
import { planPipeline, runPipeline } from '../../src/core/pipeline.js';
import { QUARANTINE_EVENTS } from '../../src/core/quarantine/quarantine-tables.js';
import { writeDataFiles } from '../../src/core/table/write-data-files.js';
import { make, putShop, smallShop } from './gold/small-shop.js';
import { putSilver, rowsOf, silverLake } from '../support/silver-lake.js';

const quarantine = async (lakehouse: Lakehouse, dataset: string, reason: string, hint: string): Promise<void> => {
  const table = await lakehouse.ensureTable(QUARANTINE_EVENTS);
  const session = await lakehouse.duck();
  const sql = `SELECT 't' AS topic, 0 AS kafka_partition, 1 AS kafka_offset, now()::TIMESTAMP AS log_time, now()::TIMESTAMP AS ingested_at,
    'e1' AS event_id, '${dataset}' AS dataset, 'test' AS source, '{}'::BLOB AS payload, []::STRUCT("key" VARCHAR, "value" BLOB)[] AS headers,
    ['${reason}'] AS reasons, '1.0.0' AS contract_version, '${hint}' AS partition_hint, now()::TIMESTAMP AS processed_at`;
  await table.commit({ add: await writeDataFiles(session, table, sql, { fileName: (n) => `rejected-${n}` }) });
  await session.close();
};

describe('the pipeline', () => {
  it('validates what landed, builds gold, and finds nothing to do the second time', async () => {
    const lakehouse = await silverLake();
    await putShop(lakehouse, smallShop());
    const planned = await planPipeline(lakehouse);
    expect(planned.landed.find(({ dataset }) => dataset === 'orders')?.partitions).toEqual([
      '2017-10-02',
      '2017-11-05',
      '2017-11-06',
    ]);
    expect(await lakehouse.table('gold.fact_sales')).toBeNull();

    const first = await runPipeline(lakehouse);
    expect(first.passed).toBe(true);
    expect(first.validated.filter(({ dataset }) => dataset === 'order_items')).toMatchObject([
      { partition: '2017-10', rows: 2 },
      { partition: '2017-11', rows: 2 },
    ]);
    expect(await rowsOf(lakehouse, 'SELECT count(*) AS n FROM gold.fact_sales')).toEqual([{ n: 4 }]);

    const second = await runPipeline(lakehouse);
    expect(second.validated).toEqual([]);
    expect(second.gold.models.every(({ action }) => action === 'none')).toBe(true);
    expect(
      (await (await lakehouse.state()).listRuns({ command: 'pipeline run', limit: 9 })).map(({ id, status }) => [id, status]),
    ).toEqual([
      [second.runId, 'succeeded'],
      [first.runId, 'succeeded'],
    ]);
  });

  it('validates only the partitions that changed since', async () => {
    const lakehouse = await silverLake();
    const shop = smallShop();
    await putShop(lakehouse, shop);
    await runPipeline(lakehouse);
    await putSilver(
      lakehouse,
      'orders',
      `SELECT 'o7' AS order_id, 'c7' AS customer_id, TIMESTAMP '2018-02-03 04:05:06' AS order_purchase_timestamp`,
    );
    expect((await runPipeline(lakehouse)).validated).toMatchObject([{ dataset: 'orders', partition: '2018-02-03', rows: 1 }]);
  });

  it('fails on rows in quarantine, builds gold on the rest, and does not report them again', async () => {
    const lakehouse = await silverLake();
    await putShop(lakehouse, { orders: [make.order('o1', 'c1', 'delivered', '2017-10-02')] });
    await quarantine(lakehouse, 'orders', 'missing:customer_id', '2017-10-02');
    const run = await runPipeline(lakehouse);
    expect(run.passed).toBe(false);
    expect(run.validated).toMatchObject([
      { dataset: 'orders', partition: '2017-10-02', rows: 1, quarantinedRows: 1, passed: false },
    ]);
    expect(await rowsOf(lakehouse, 'SELECT sum(orders) AS n FROM gold.daily_regional_sales')).toEqual([{ n: 1 }]);
    expect(await runPipeline(lakehouse)).toMatchObject({ validated: [], passed: true });
    expect((await runPipeline(lakehouse, { full: true })).passed).toBe(false);
  });

  it('runs on a lake without data', async () => {
    const lakehouse = await silverLake();
    expect(await runPipeline(lakehouse)).toMatchObject({ validated: [], passed: true });
  });

  it('stops on request, and validates the same again the next time', async () => {
    const lakehouse = await silverLake();
    await putShop(lakehouse, smallShop());
    const stop = new AbortController();
    await expect(
      runPipeline(lakehouse, { signal: stop.signal, onProgress: ({ done }) => done > 2 && stop.abort() }),
    ).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
    const [run] = await (await lakehouse.state()).listRuns({ command: 'pipeline run', limit: 1 });
    expect(run?.status).toBe('interrupted');
    expect((await runPipeline(lakehouse)).validated.length).toBeGreaterThan(5);
  });
});

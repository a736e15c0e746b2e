import { describe, expect, it } from 'vitest';
import { validatePartition, type ValidationResult } from '../../../src/core/quality/validate-partition.js';
import { silverTable } from '../../../src/core/silver/silver-table.js';
import { addRows, lakeWithRejects } from '../../support/lake-with-rejects.js';
import { testLake } from '../../support/test-lake.js';

/** name → [failing rows, of them in quarantine] of the checks that did not pass. */
const failing = (result: ValidationResult): Readonly<Record<string, readonly [number, number]>> =>
  Object.fromEntries(
    result.checks.flatMap((check) => (check.passed ? [] : [[check.name, [check.failingRows, check.inQuarantine] as const]])),
  );

describe('validatePartition', () => {
  it('counts silver and quarantine of one day', async () => {
    const lake = await lakeWithRejects();
    const result = await validatePartition(lake, { dataset: 'orders', partition: '2017-10-02', samples: 3 });
    expect(result).toMatchObject({
      dataset: 'orders',
      partition: '2017-10-02',
      contractVersion: '1.0.0',
      rows: 10,
      quarantinedRows: 2,
      passed: false,
    });
    expect(failing(result)).toEqual({ 'required:customer_id': [1, 1], record: [1, 1], carrier_not_before_approval: [1, 0] });
    expect(result.checks.find((check) => check.name === 'order_id_unique')).toMatchObject({
      kind: 'unique',
      level: 'error',
      checkedRows: 10,
      failingRows: 0,
      passed: true,
    });
    expect(result.checks.find((check) => check.name === 'delivery_not_before_purchase')).toMatchObject({ checkedRows: 12 });
    expect(result.samples).toEqual([
      { check: 'record', zone: 'quarantine', origin: 'events/0/6', eventId: "it's", values: null },
      { check: 'required:customer_id', zone: 'quarantine', origin: 'events/0/1', eventId: 'q1', values: null },
      {
        check: 'carrier_not_before_approval',
        zone: 'silver',
        origin: 'events/0/10',
        eventId: 'e10',
        values: {
          order_id: 'd3d9446802a44259755d38e6d163e820',
          order_delivered_carrier_date: '2017-10-02 00:00:00',
          order_approved_at: '2017-10-02 01:00:00',
        },
      },
    ]);
  });

  it('takes a month of a dataset partitioned by day, and everything', async () => {
    const lake = await lakeWithRejects();
    const month = await validatePartition(lake, { dataset: 'orders', partition: '2017-10' });
    expect([month.rows, month.quarantinedRows, month.samples.length]).toEqual([240, 3, 0]);
    expect(failing(month)).toEqual({
      record: [1, 1],
      'required:customer_id': [1, 1],
      types: [1, 1],
      delivery_not_before_purchase: [1, 1],
      carrier_not_before_approval: [24, 0],
    });
    const all = await validatePartition(lake, { dataset: 'orders', partition: 'all', samples: 2 });
    expect([all.rows, all.quarantinedRows]).toEqual([240, 5]);
    expect(failing(all)['record']).toEqual([3, 3]);
    expect(all.samples.filter((sample) => sample.check === 'carrier_not_before_approval').map((sample) => sample.origin)).toEqual(
      ['events/0/0', 'events/0/10'],
    );
  });

  it('keeps the last microsecond of a month in it', async () => {
    const lake = await lakeWithRejects();
    const result = await validatePartition(lake, { dataset: 'order_items', partition: '2017-10' });
    expect([result.rows, result.quarantinedRows, failing(result)['price_positive']]).toEqual([1, 1, [1, 1]]);
  });

  it('passes with warnings alone', async () => {
    const lake = await lakeWithRejects();
    const result = await validatePartition(lake, { dataset: 'orders', partition: '2017-10-04' });
    expect([result.rows, result.quarantinedRows, result.passed]).toEqual([10, 0, true]);
    expect(failing(result)).toEqual({ carrier_not_before_approval: [1, 0] });
  });

  it('validates a partition whose rows all lie in quarantine', async () => {
    const lake = await lakeWithRejects();
    const result = await validatePartition(lake, { dataset: 'order_items', partition: '2020-04' });
    expect([result.rows, result.quarantinedRows, result.passed]).toEqual([0, 1, false]);
  });

  it('sees a key that is doubled in silver', async () => {
    const { lake } = await testLake();
    const contract = (await lake.contracts()).get('sellers');
    if (contract === undefined) throw new Error('no contract');
    await addRows(
      lake,
      silverTable(contract),
      `SELECT 'events' AS _topic, 0 AS _partition, i AS _offset, 'e' AS _event_id, TIMESTAMP '2018-01-01' AS _log_time,
         's' || (i // 2) AS seller_id, '01037' AS seller_zip_code_prefix, 'são paulo' AS seller_city, 'SP' AS seller_state FROM range(3) t(i)`,
    );
    const result = await validatePartition(lake, { dataset: 'sellers', partition: 'all', samples: 5 });
    expect(failing(result)).toEqual({ seller_id_format: [3, 0], seller_city_plain: [3, 0], seller_id_unique: [2, 0] });
    expect(result.samples.filter((sample) => sample.check === 'seller_id_unique').map((sample) => sample.origin)).toEqual([
      'events/0/0',
      'events/0/1',
    ]);
    expect(result.passed).toBe(false);
  });

  it('refuses unknown datasets, other texts than partitions, and partitions without a row', async () => {
    const lake = await lakeWithRejects();
    for (const [dataset, partition, code, message] of [
      ['nothing', 'all', 'KS_NOT_FOUND', /there is no contract for the dataset "nothing"/],
      ['orders', '1999-01-01', 'KS_NOT_FOUND', /no rows in the partition 1999-01-01/],
      ['orders', 'yesterday', 'KS_USAGE', /no partition/],
      ['order_items', '2017-10-02', 'KS_USAGE', /partitioned by month/],
      ['products', 'all', 'KS_NOT_FOUND', /silver.products does not exist/],
    ] as const) {
      await expect(validatePartition(lake, { dataset, partition })).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message) as string,
      });
    }
  });
});

/** Another partition spec: what its fields are called and numbered, and that readers plan every file under its own. */
import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../../src/core/table/bucket-transform.js';
import { dataFileKey } from '../../../src/core/table/data-path.js';
import { evolveSpec, specText } from '../../../src/core/table/evolve-spec.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import type { DataFile, PartitionField, Table } from '../../../src/core/table/table-api.js';
import type { TableMetadata } from '../../../src/core/table/table-metadata.js';
import { ensureTable } from '../../../src/core/table/table.js';
import { systemEffects } from '../../support/effects.js';
import { bareFile, duck, freshTable, ORDERS, rowsSql, write } from './orders-table.js';

const HOUR: readonly PartitionField[] = [{ column: 'purchased_at', transform: 'hour' }];
const buckets = (n: number): readonly PartitionField[] => [...HOUR, { column: 'order_id', transform: `bucket[${n}]` }];
const DAY: readonly PartitionField[] = [{ column: 'purchased_at', transform: 'day' }];

const set = (table: Table, partition: readonly PartitionField[]): Promise<TableMetadata> =>
  table.changeMetadata(async (base) => evolveSpec(base, partition));

describe('evolveSpec', () => {
  it('gives a new spec the next id and its new fields the next field ids', async () => {
    const { table } = await freshTable();
    const metadata = await set(table, buckets(16));
    expect(metadata).toMatchObject({ 'default-spec-id': 1, 'last-partition-id': 1002 });
    expect(metadata['partition-specs'][1]).toEqual({
      'spec-id': 1,
      fields: [
        { name: 'purchased_at_hour', transform: 'hour', 'source-id': 2, 'field-id': 1001 },
        { name: 'order_id_bucket', transform: 'bucket[16]', 'source-id': 1, 'field-id': 1002 },
      ],
    });
    expect(specText(metadata, 1)).toBe('hour(purchased_at), bucket[16](order_id)');
  });

  it('takes an equal spec and equal fields up again, and changes nothing for the spec that holds', async () => {
    const { table } = await freshTable();
    await set(table, HOUR);
    const again = await set(table, buckets(16));
    expect(again['partition-specs'][2]?.fields[0]?.['field-id']).toBe(1001);
    const back = await set(table, DAY);
    expect(back).toMatchObject({ 'default-spec-id': 0, 'last-partition-id': 1002 });
    expect(back['partition-specs']).toHaveLength(3);
    expect(evolveSpec(back, DAY)).toBeNull();
  });

  it('never gives two fields one name', async () => {
    const { table } = await freshTable();
    await set(table, buckets(16));
    const metadata = await set(table, buckets(32));
    const names = metadata['partition-specs'].flatMap((spec) => spec.fields.map((field) => field.name));
    expect(names).toEqual([
      'purchased_at_day',
      'purchased_at_hour',
      'order_id_bucket',
      'purchased_at_hour',
      'order_id_bucket_32',
    ]);
  });
});

describe('a table whose spec changed', () => {
  const file = (table: Table, name: string, hour: number, bucket: number): DataFile => ({
    ...bareFile(table, name),
    partition: { purchased_at_hour: hour, order_id_bucket: bucket },
    specId: 1,
  });
  const HOUR_0 = 17_441 * 24;

  it('plans each file under its own spec: by day, by hour, and by the bucket of one text', async () => {
    const { table } = await freshTable();
    await table.commit({ add: [bareFile(table, 'day')] });
    await set(table, buckets(16));
    const bucket = bucketOf('o1', 16);
    const added = [
      file(table, 'h0', HOUR_0, bucket),
      file(table, 'h5', HOUR_0 + 5, bucket),
      file(table, 'other', HOUR_0 + 5, (bucket + 1) % 16),
    ];
    // One commit each: pruning by the manifest's summary, too.
    for (const one of added) await table.commit({ add: [one] });
    await table.commit({ add: [{ ...bareFile(table, 'late'), partition: { purchased_at_day: 17_442 } }] }); // by a writer of before
    const planned = async (bounds: NonNullable<Parameters<Table['scan']>[0]>['bounds']): Promise<readonly string[]> =>
      (await table.scan(bounds ? { bounds } : {})).files.map(({ path }) => path.replace(/.*\/(\w+)\.parquet/, '$1')).toSorted();
    expect(await planned(undefined)).toEqual(['day', 'h0', 'h5', 'late', 'other']);
    const fiveOClock = { column: 'purchased_at', min: '2017-10-02 05:00:00', max: '2017-10-02 05:59:59' };
    expect(await planned([fiveOClock])).toEqual(['day', 'h5', 'other']);
    const o1 = { column: 'order_id', min: 'o1', max: 'o1' };
    expect(await planned([fiveOClock, o1])).toEqual(['day', 'h5']);
    expect(await planned([{ column: 'order_id', min: 'o1', max: 'o2' }])).toEqual(['day', 'h0', 'h5', 'late', 'other']);
  });

  it('is accepted by a definition whose partition may evolve, and refused by another', async () => {
    const { store, table } = await freshTable();
    await set(table, HOUR);
    const catalog = openFolderCatalog(store);
    const evolving = { ...ORDERS, partitionEvolves: true as const };
    expect((await (await ensureTable(catalog, store, evolving, systemEffects())).state()).partition[0]?.transform).toBe('hour');
    await expect(ensureTable(catalog, store, ORDERS, systemEffects())).rejects.toMatchObject({ code: 'KS_CONFIG' });
  });

  it('is written by SQL under hours, and refused in buckets', async () => {
    const { table } = await freshTable();
    const session = await duck();
    await set(table, HOUR);
    const [written] = await write(session, table, rowsSql(0, 10));
    expect(written).toMatchObject({ specId: 1, partition: { purchased_at_hour: HOUR_0 + 10 } });
    expect(written?.path).toContain('/data/year=2017/month=10/day=02/hour=10/');
    await set(table, buckets(16));
    await expect(write(session, table, rowsSql(0, 10))).rejects.toMatchObject({ code: 'KS_TABLE_UNSUPPORTED' });
  });
});

it('buckets have a folder of their own below the hour, rows without a value too', () => {
  const key = (bucket: number | null): string =>
    dataFileKey('bronze.events', buckets(16), { purchased_at_hour: 17_441 * 24 + 5, order_id_bucket: bucket }, 'f.parquet');
  expect(key(3)).toBe('bronze/events/data/year=2017/month=10/day=02/hour=05/order_id_bucket=3/f.parquet');
  expect(key(null)).toContain('/hour=05/order_id_bucket=__HIVE_DEFAULT_PARTITION__/');
});

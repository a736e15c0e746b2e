import { expect, it } from 'vitest';
import { describeTable, describeTables } from '../../../src/core/table/describe-table.js';
import type { TableSource } from '../../../src/core/table/existing-table.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import { openTable } from '../../../src/core/table/table.js';
import { systemEffects } from '../../support/effects.js';
import { type TableUnderTest, bareFile, freshTable } from './orders-table.js';

function sourceOf({ store }: TableUnderTest): TableSource {
  const catalog = openFolderCatalog(store);
  return { tableNames: () => catalog.tableNames(), table: (name) => openTable(catalog, store, name, systemEffects()) };
}

it('describes a table that has no snapshot yet', async () => {
  const lake = await freshTable();
  expect(await describeTables(sourceOf(lake))).toEqual([
    expect.objectContaining({
      name: 'silver.orders',
      format: 'iceberg/2',
      partition: 'day(purchased_at)',
      rows: 0,
      dataFiles: 0,
      currentSnapshotId: null,
      nextOffsets: {},
    }),
  ]);
  expect(await describeTables(sourceOf(lake), 'gold')).toEqual([]);
});

it('describes contents, history and offsets', async () => {
  const lake = await freshTable();
  const fence = { ranges: [{ topic: 't', partition: 3, expectedNext: 0, endExclusive: 9 }] };
  await lake.table.commit({ add: [bareFile(lake.table, 'a', 4), bareFile(lake.table, 'b', 5)], fence });
  const outcome = await lake.table.commit({ add: [], remove: [bareFile(lake.table, 'a').path] });
  const described = await describeTable(sourceOf(lake), 'silver.orders');
  expect(described).toMatchObject({
    rows: 5,
    dataFiles: 1,
    bytes: 100,
    snapshots: 2,
    nextOffsets: { t: { 3: 9 } },
    rolledBackFrom: null,
  });
  expect(
    described.snapshotList.map(({ operation, addedRows, deletedRows, totalRows, current }) => [
      operation,
      addedRows,
      deletedRows,
      totalRows,
      current,
    ]),
  ).toEqual([
    ['overwrite', 0, 4, 5, true],
    ['append', 9, 0, 9, false],
  ]);
  expect(described.currentSnapshotId).toBe(outcome.kind === 'committed' ? String(outcome.snapshot.id) : '');
  expect(described.columns[2]).toEqual({ id: 3, name: 'price', type: 'decimal(12,2)', required: false, doc: '' });
  expect(JSON.parse(JSON.stringify(described))).toEqual(described);
});

it('names the tables that there are when one is not', async () => {
  const source = sourceOf(await freshTable());
  await expect(describeTable(source, 'silver.order')).rejects.toMatchObject({
    code: 'KS_NOT_FOUND',
    hint: expect.stringContaining('silver.orders'),
  });
  await expect(describeTable(source, '../x')).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
});

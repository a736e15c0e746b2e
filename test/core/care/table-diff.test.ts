import { describe, expect, it } from 'vitest';
import { tableDiff, type TableDiff } from '../../../src/core/care/table-diff.js';
import { tableHistory } from '../../../src/core/care/table-history.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import type { CommitRequest, Table } from '../../../src/core/table/table-api.js';
import { silverTable } from '../../../src/core/silver/silver-table.js';
import { writeDataFiles } from '../../../src/core/table/write-data-files.js';
import { testLake } from '../../support/test-lake.js';

const NAME = 'silver.order_payments';

/** Rows of silver.order_payments: key order_id, payment_sequential; not partitioned. */
const payments = (rows: readonly (readonly [order: string, sequence: number, value: string, offset: number])[]): string =>
  rows
    .map(
      ([order, sequence, value, offset]) =>
        `SELECT '${order}' AS order_id, ${sequence} AS payment_sequential, 'boleto' AS payment_type, 1 AS payment_installments,
         ${value}::DECIMAL(12,2) AS payment_value, 'events' AS _topic, 0 AS _partition, ${offset} AS _offset, 'e${offset}' AS _event_id,
         TIMESTAMP '2018-08-01 10:00:00' AS _log_time`,
    )
    .join(' UNION ALL ');

interface Subject {
  readonly lake: Lakehouse;
  readonly table: Table;
  commit(sql: string | null, request?: Omit<CommitRequest, 'add'>): Promise<string>;
  files(): Promise<readonly string[]>;
  diff(from: string, to?: string, rows?: { key?: readonly string[]; limit: number }): Promise<TableDiff>;
}

let written = 0;

async function subject(dataset = 'order_payments'): Promise<Subject> {
  const { lake } = await testLake();
  const contract = (await lake.contracts()).get(dataset);
  if (!contract) throw new Error(`no contract ${dataset}`);
  const table = await lake.ensureTable(silverTable(contract));
  return {
    lake,
    table,
    commit: async (sql, request = {}) => {
      const session = await lake.duck();
      written += 1;
      const call = written;
      const add = sql === null ? [] : await writeDataFiles(session, table, sql, { fileName: (n) => `d${call}-${n}` });
      await session.close();
      const outcome = await table.commit({ add, ...request });
      if (outcome.kind !== 'committed') throw new Error(outcome.reason);
      return String(outcome.snapshot.id);
    },
    files: async () => (await table.scan()).files.map((file) => file.path),
    diff: (from, to = 'current', rows) => tableDiff(lake, table.name, { from, to, ...(rows ? { rows } : {}) }),
  };
}

describe('tableDiff', () => {
  it('names the rows that were added, removed and changed, by the key of the contract', async () => {
    const { commit, files, diff } = await subject();
    const first = await commit(
      payments([
        ['a', 1, '10.00', 1],
        ['b', 1, '20.00', 2],
        ['c', 1, '30.00', 3],
      ]),
    );
    await commit(
      payments([
        ['b', 1, '20.50', 7],
        ['c', 1, '30.00', 3],
        ['d', 1, '9.99', 8],
      ]),
      { remove: await files() },
    );
    const found = await diff(first, 'current', { limit: 10 });
    expect(found.rows).toMatchObject({ key: ['order_id', 'payment_sequential'], added: 1, removed: 1, changed: 1 });
    expect(found.rows?.rows).toMatchObject([
      { change: 'removed', key: { order_id: 'a', payment_sequential: 1 }, from: { payment_value: '10.00' }, to: null },
      {
        change: 'changed',
        key: { order_id: 'b', payment_sequential: 1 },
        from: { payment_value: '20.00', _offset: 2, _event_id: 'e2' },
        to: { payment_value: '20.50', _offset: 7, _event_id: 'e7' },
      },
      { change: 'added', key: { order_id: 'd', payment_sequential: 1 }, from: null, to: { payment_value: '9.99' } },
    ]);
    expect(Object.keys(found.rows?.rows[1]?.from ?? {})).toHaveLength(3);
    expect(found.total).toMatchObject({ rowsBefore: 3, rowsAfter: 3, filesAdded: 1, filesRemoved: 1 });
    // The other way round, what came is what went.
    expect((await diff('current', first, { limit: 10 })).rows).toMatchObject({ added: 1, removed: 1, changed: 1 });
    expect((await diff(first, 'current', { limit: 1 })).rows).toMatchObject({ added: 1, rows: [{ change: 'removed' }] });
  });

  it('shows compaction as no change of rows', async () => {
    const { commit, files, diff } = await subject();
    const first = await commit(payments([['a', 1, '10.00', 1]]));
    const second = await commit(payments([['b', 1, '20.00', 2]]));
    await commit(
      payments([
        ['a', 1, '10.00', 1],
        ['b', 1, '20.00', 2],
      ]),
      { remove: await files(), operation: 'replace' },
    );
    expect(await diff(second, 'current', { limit: 10 })).toMatchObject({
      commits: { done: 1, undone: 0, rewrites: 1 },
      total: { rowsBefore: 2, rowsAfter: 2, rowsAdded: 0, rowsRemoved: 0, filesAdded: 1, filesRemoved: 2 },
      rows: { added: 0, removed: 0, changed: 0, rows: [] },
    });
    // One row came between, though no file of then is left.
    expect(await diff(first, 'current', { limit: 10 })).toMatchObject({
      commits: { done: 2, rewrites: 1 },
      total: { rowsBefore: 1, rowsAfter: 2, rowsAdded: 1, rowsRemoved: 0 },
      rows: { added: 1, removed: 0, changed: 0, rows: [{ change: 'added', key: { order_id: 'b' } }] },
    });
    expect((await diff('current', first)).total).toMatchObject({ rowsAdded: 0, rowsRemoved: 1 });
  });

  it('counts copies of a row, and pairs rows that share a key', async () => {
    const { commit, files, diff } = await subject();
    const first = await commit(
      payments([
        ['a', 1, '1.00', 1],
        ['a', 1, '1.00', 1],
        ['a', 1, '2.00', 2],
      ]),
    );
    await commit(
      payments([
        ['a', 1, '1.00', 1],
        ['a', 1, '3.00', 2],
      ]),
      { remove: await files() },
    );
    expect((await diff(first, 'current', { limit: 10 })).rows).toMatchObject({ added: 0, removed: 1, changed: 1 });
    expect((await diff(first, 'current', { limit: 10, key: ['payment_value'] })).rows).toMatchObject({
      key: ['payment_value'],
      added: 1,
      removed: 2,
      changed: 0,
    });
    await expect(diff(first, 'current', { limit: 10, key: ['payment_valu'] })).rejects.toMatchObject({
      code: 'KS_USAGE',
      hint: expect.stringContaining('did you mean "payment_value"?') as string,
    });
  });

  it('tells partitions apart, and what a rollback took back', async () => {
    const { table, commit, diff } = await subject('orders');
    const order = (id: string, day: string): string =>
      `SELECT '${id}' AS order_id, 'c' AS customer_id, 'delivered' AS order_status, TIMESTAMP '${day} 08:00:00' AS order_purchase_timestamp,
       NULL AS order_approved_at, NULL AS order_delivered_carrier_date, NULL AS order_delivered_customer_date, NULL AS order_estimated_delivery_date,
       'events' AS _topic, 0 AS _partition, 1 AS _offset, '${id}' AS _event_id, TIMESTAMP '2018-08-01' AS _log_time,
       2017 AS year, 10 AS month, 1 AS day`;
    const first = await commit(order('a', '2017-10-01'));
    const second = await commit(`${order('b', '2017-10-02')} UNION ALL ${order('c', '2017-10-03')}`);
    expect((await diff(first)).partitions).toEqual(
      ['2017-10-02', '2017-10-03'].map((day) => ({
        partition: `order_purchase_timestamp_day=${day}`,
        filesAdded: 1,
        filesRemoved: 0,
        rowsBefore: 0,
        rowsAfter: 1,
        rowsAdded: 1,
        rowsRemoved: 0,
      })),
    );
    await table.rollback(BigInt(first));
    await commit(order('d', '2017-10-04'));
    expect(await diff(second)).toMatchObject({
      commits: { done: 1, undone: 1, rewrites: 0 },
      total: { rowsBefore: 3, rowsAfter: 2, rowsAdded: 1, rowsRemoved: 2 },
    });
  });

  it('names changed columns, properties and partitioning', async () => {
    const { lake, table, commit, diff } = await subject();
    const first = await commit(payments([['a', 1, '10.00', 1]]));
    const contract = (await lake.contracts()).get('order_payments');
    if (!contract) throw new Error('no contract');
    const definition = silverTable(contract);
    await lake.ensureTable({
      ...definition,
      fields: [...definition.fields, { id: 90, name: 'note', type: 'string', required: false }],
    });
    await table.changeMetadata(async (base) => ({ ...base, properties: { ...base.properties, owner: 'payments' } }));
    await commit(`SELECT *, 'x' AS note FROM (${payments([['b', 1, '1.00', 2]])})`);
    const { definition: difference } = await diff(first);
    expect(difference).toEqual({
      complete: true,
      changes: [
        { kind: 'column', name: 'note', from: null, to: 'note string' },
        { kind: 'property', name: 'owner', from: null, to: 'payments' },
      ],
    });
    // A row of before has the new column empty: it did not change.
    expect((await diff(first, 'current', { limit: 5 })).rows).toMatchObject({ added: 1, removed: 0, changed: 0 });
    expect((await diff('current', 'current')).definition).toEqual({ complete: true, changes: [] });
    // Without the metadata file of then, the columns are still known from the schemas that the table keeps.
    const { metadata } = await table.metadata();
    const files = (metadata['metadata-log'] ?? []).map((entry) => table.store.keyOf(entry['metadata-file']));
    for (const key of files) await table.store.put(key, new Uint8Array());
    expect((await diff(first)).definition).toEqual({
      complete: false,
      changes: [{ kind: 'column', name: 'note', from: null, to: 'note string' }],
    });
  });

  it('refuses a table or snapshot that is not there', async () => {
    const { lake, diff } = await subject();
    await expect(diff('previous')).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    await expect(tableDiff(lake, 'silver.nope', { from: 'previous', to: 'current' })).rejects.toMatchObject({
      code: 'KS_NOT_FOUND',
      hint: expect.stringContaining(NAME) as string,
    });
  });
});

describe('tableHistory', () => {
  it('tells of every snapshot, and where it stands after a rollback', async () => {
    const { lake, table, commit, files } = await subject();
    const fence = (from: number, to: number): CommitRequest['fence'] => ({
      ranges: [{ topic: 'events', partition: 0, expectedNext: from, endExclusive: to }],
    });
    const first = await commit(payments([['a', 1, '10.00', 1]]), { fence: fence(0, 4) } as never);
    const second = await commit(payments([['b', 1, '20.00', 5]]), { fence: fence(4, 9) } as never);
    await commit(
      payments([
        ['a', 1, '10.00', 1],
        ['b', 1, '20.00', 5],
      ]),
      { remove: await files(), operation: 'replace' },
    );
    await table.rollback(BigInt(first));
    const history = await tableHistory(lake, NAME, 10);
    expect(history).toMatchObject({ table: NAME, kept: 3 });
    expect(history.snapshots).toMatchObject([
      { operation: 'replace', standing: 'rolled back', broughtBy: 'compaction', addedFiles: 1, deletedFiles: 2, events: 0 },
      { id: second, standing: 'rolled back', offsets: { 'events/0': 5 }, broughtBy: 'log', specIds: [0], schemaId: 0 },
      { id: first, standing: 'current', offsets: { 'events/0': 4 }, addedRows: 1, totalRows: 1, restored: [expect.any(String)] },
    ]);
    expect((await tableHistory(lake, NAME, 1)).snapshots).toHaveLength(1);
    await expect(tableHistory(lake, 'silver.nope', 1)).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });
});

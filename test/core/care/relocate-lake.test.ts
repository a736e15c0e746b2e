/** A lake that was moved or copied becomes readable where it lies, whole, whatever happens in between. */
import { cp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { expireSnapshots } from '../../../src/core/care/expire-snapshots.js';
import { relocateLake, type RelocateOptions } from '../../../src/core/care/relocate-lake.js';
import { relocateTable } from '../../../src/core/care/relocate-table.js';
import { removeOrphans } from '../../../src/core/care/remove-orphans.js';
import { runConsumer } from '../../../src/core/consume/run-consumer.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { verifyLedger } from '../../../src/core/ledger/verify.js';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import { type AvroSchema, decodeAvro, encodeAvro } from '../../../src/core/table/avro-file.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import { toJson } from '../../../src/core/table/lossless-json.js';
import type { Table } from '../../../src/core/table/table-api.js';
import { openTable } from '../../../src/core/table/table.js';
import { systemEffects } from '../../support/effects.js';
import { lakeContents } from '../../support/lake-contents.js';
import { mixedEvents } from '../../support/mixed-events.js';
import { tempDir } from '../../support/temp-dir.js';
import { testLake } from '../../support/test-lake.js';
import { freshTable } from '../table/orders-table.js';
import { HOUR_MS, changeAs, commitFile, keysOf, later, missingFiles, namedKeys, replaceAgain } from './aging-table.js';

const OPTIONS = { consume: { flushRows: 30, leaseTtl: '60s' }, partitions: 2, processName: 'test/mover' };
const RELOCATE: RelocateOptions = {
  dryRun: false,
  force: false,
  progress: () => undefined,
  signal: new AbortController().signal,
};

const consume = async (lake: Lakehouse): Promise<void> => {
  await runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal });
};

async function send(lake: Lakehouse, seed: number): Promise<void> {
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  for (const record of mixedEvents(60, { seed, partitions, prefix: `s${seed}-` })) await log.append(topic, [record]);
}

test('a whole project that was moved goes on where it lies', { timeout: 120_000 }, async () => {
  const { lake: made, dir } = await testLake(OPTIONS);
  await send(made, 1);
  await consume(made);
  const expected = await lakeContents(made);
  const states = await Promise.all((await made.tableNames()).map(async (name) => (await made.table(name))?.state()));
  expect((await relocateLake(made, RELOCATE)).tables).toEqual([]);
  await made.close();
  const there = path.join(await tempDir(), 'it is 100% [there]');
  await rename(dir, there);

  const { lake } = await testLake({ ...OPTIONS, dir: there });
  await expect(lakeContents(lake)).rejects.toMatchObject({ code: 'KS_STORE', hint: expect.stringContaining('table relocate') });
  const said = await relocateLake(lake, { ...RELOCATE, dryRun: true });
  expect(said).toMatchObject({ from: [path.join(dir, 'lake')], to: path.join(there, 'lake'), dryRun: true });
  expect(said.tables).toHaveLength(states.length);
  expect(await relocateLake(lake, RELOCATE)).toEqual({ ...said, dryRun: false });
  expect(await lakeContents(lake)).toEqual(expected);
  for (const deep of [false, true]) expect(await verifyLedger(lake, { deep })).toMatchObject({ closed: true, breaks: [] });
  for (const [n, name] of (await lake.tableNames()).entries()) {
    const table = (await lake.table(name)) as Table;
    const state = await table.state();
    expect(state.snapshots).toEqual(states[n]?.snapshots);
    for (const { id } of state.snapshots) {
      for (const file of (await table.scan({ snapshotId: id })).files) expect(file.path.startsWith(`${there}/`)).toBe(true);
    }
    expect(toJson((await table.metadata()).metadata as never)).not.toContain(dir);
  }
  expect((await relocateLake(lake, RELOCATE)).tables).toEqual([]);

  await send(lake, 2);
  await consume(lake);
  for (const name of await lake.tableNames()) {
    const table = (await lake.table(name)) as Table;
    await expireSnapshots(table, { keep: 1, keepForMs: 0 }, later(0));
    await removeOrphans(table, 0, later(2 * HOUR_MS));
  }
  expect(await verifyLedger(lake, { deep: true })).toMatchObject({ closed: true, breaks: [] });
});

/** A copy of a table's lake in another folder, the original gone. */
async function movedTable(change: (table: Table) => Promise<unknown> = async () => undefined) {
  const { dir, table } = await freshTable();
  await replaceAgain(table, 3);
  await change(table);
  const there = path.join(await tempDir(), 'lake');
  await rename(dir, there);
  const open = async (): Promise<Table> => {
    const store = await openFolderStore(there);
    return (await openTable(openFolderCatalog(store), store, 'silver.orders', systemEffects())) as Table;
  };
  return { from: dir, there, open };
}

test(
  'killed at any change, the table is as it was or relocated, and the same again finishes it',
  { timeout: 60_000 },
  async () => {
    const { randomBytes } = systemEffects();
    for (let nth = 1; ; nth += 1) {
      const { from, there, open } = await movedTable();
      const store = await openFolderStore(there);
      let changes = 0;
      const counted = <A extends unknown[], R>(change: (...args: A) => Promise<R>) => {
        return async (...args: A): Promise<R> => {
          changes += 1;
          if (changes >= nth) throw new Error('killed');
          return change(...args);
        };
      };
      const dying = { ...store, put: counted(store.put), delete: counted(store.delete) };
      const table = (await openTable(openFolderCatalog(dying), dying, 'silver.orders', systemEffects())) as Table;
      const failed = await relocateTable(table, from, randomBytes).then(
        () => false,
        () => true,
      );
      const again = await open();
      if (again.location.startsWith(`${from}/`)) await relocateTable(again, from, randomBytes);
      const now = await open();
      expect(await missingFiles(now), `killed at change ${nth}`).toEqual([]);
      expect((await now.state()).snapshots).toHaveLength(3);
      await removeOrphans(now, 0, later(2 * HOUR_MS));
      expect((await keysOf(now)).toSorted()).toEqual(await namedKeys(now));
      await commitFile(now, 'goes-on');
      if (!failed) break;
    }
  },
);

test('what other engines wrote besides survives', async () => {
  const big = 8_744_736_658_442_914_487n;
  const { from, open } = await movedTable(async (table) => {
    const { store } = table;
    // A further field in every entry, a further key in the header, as later versions of other writers have them.
    for (const key of (await keysOf(table)).filter((one) => /-m\d+\.avro$/.test(one))) {
      const { schema, records, header } = decodeAvro((await store.get(key))?.body ?? new Uint8Array(), key, (same) => same);
      const { fields } = schema as { fields: readonly { name: string; type: { fields: readonly AvroSchema[] } }[] };
      const wider = {
        ...(schema as object),
        fields: fields.map((field) =>
          field.name === 'data_file'
            ? {
                ...field,
                type: { ...field.type, fields: [...field.type.fields, { name: 'new_thing', type: 'long', 'field-id': 999 }] },
              }
            : field,
        ),
      } as AvroSchema;
      const filled = (records as { data_file: object }[]).map((one) => ({
        ...one,
        data_file: { ...one.data_file, new_thing: big },
      }));
      await store.put(key, encodeAvro(wider, filled, { ...header, 'written-by': 'another engine' }));
    }
    await changeAs(table, (metadata) => ({
      ...metadata,
      'something-new': { id: big },
      properties: { ...metadata.properties, 'write.data.path': `${table.location}/data`, owner: 'me' },
      refs: { ...metadata.refs, mark: { 'snapshot-id': metadata['current-snapshot-id'] as number, type: 'tag' } },
      statistics: [
        {
          'snapshot-id': metadata['current-snapshot-id'] as number,
          'statistics-path': `file:${table.location}/metadata/a.stats`,
        },
      ],
    }));
  });
  await relocateTable(await open(), from, systemEffects().randomBytes);
  const table = await open();
  const { metadata } = await table.metadata();
  expect(metadata).toMatchObject({
    'something-new': { id: big },
    properties: { 'write.data.path': `${table.location}/data`, owner: 'me' },
    statistics: [{ 'statistics-path': `file:${table.location}/metadata/a.stats` }],
  });
  expect(Object.keys(metadata.refs ?? {})).toEqual(['main', 'mark']);
  const manifests = (await namedKeys(table)).filter((one) => /-m\d+\.avro$/.test(one));
  expect(manifests.length).toBeGreaterThan(2);
  for (const key of manifests) {
    const { records, header } = decodeAvro((await table.store.get(key))?.body ?? new Uint8Array(), key, (same) => same);
    expect(header['written-by']).toBe('another engine');
    expect(records).toEqual(
      records.map(() => expect.objectContaining({ data_file: expect.objectContaining({ new_thing: big }) })),
    );
  }
});

test('refuses a copy while the original is there, and a lake that did not come along whole', { timeout: 60_000 }, async () => {
  const { lake: made, dir } = await testLake(OPTIONS);
  await send(made, 3);
  await consume(made);
  const copy = await tempDir();
  await cp(dir, copy, { recursive: true });
  const { lake } = await testLake({ ...OPTIONS, dir: copy });
  await expect(relocateLake(lake, RELOCATE)).rejects.toMatchObject({
    code: 'KS_USAGE',
    message: expect.stringContaining('is a copy'),
  });
  const silver = (await made.table('silver.orders')) as Table;
  const lost = silver.store.keyOf((await silver.scan()).files[0]?.path ?? '');
  await rm(path.join(copy, 'lake', lost));
  await made.close();
  await rename(path.join(dir, 'lake'), path.join(dir, 'elsewhere'));
  const refused = { code: 'KS_TABLE_CORRUPT', message: expect.stringContaining(path.join(copy, 'lake', lost)) };
  await expect(relocateLake(lake, RELOCATE)).rejects.toMatchObject(refused);
  expect((await relocateLake(lake, { ...RELOCATE, dryRun: true })).tables.flatMap(({ missing }) => missing)).toHaveLength(1);
  await cp(path.join(dir, 'elsewhere', lost), path.join(copy, 'lake', lost));
  const stopped = AbortSignal.abort();
  await expect(relocateLake(lake, { ...RELOCATE, signal: stopped })).rejects.toMatchObject({ code: 'KS_INTERRUPTED' });
  await relocateLake(lake, RELOCATE);
  expect(await verifyLedger(lake, { deep: true })).toMatchObject({ closed: true });
});

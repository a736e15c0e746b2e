/** Expiry drops what may go, with its files, and nothing that somebody still names. */
import { expect, test } from 'vitest';
import { expireSnapshots } from '../../../src/core/care/expire-snapshots.js';
import { freshTable } from '../table/orders-table.js';
import { HOUR_MS, changeAs, commitFile, currentOf, keysOf, later, missingFiles, namedKeys, replaceAgain } from './aging-table.js';

const NOW = { keep: 1, keepForMs: 0 };

test('leaves the newest snapshots and exactly their files', async () => {
  const { table } = await freshTable();
  const last = await replaceAgain(table, 10);
  const before = await currentOf(table);
  const done = await expireSnapshots(table, { keep: 3, keepForMs: 0 }, later(0));
  expect(done).toMatchObject({ table: 'silver.orders', expiredSnapshots: 7, keptSnapshots: 3, dataFiles: 7, bytes: 700 });
  expect((await keysOf(table)).toSorted()).toEqual(await namedKeys(table));
  const state = await table.state();
  expect(state.currentSnapshot).toEqual(before); // totals included
  expect(state.snapshots).toHaveLength(3);
  expect((await table.scan()).files.map(({ path }) => path)).toEqual([last.path]);
  const { metadata } = await table.metadata();
  const log = metadata['snapshot-log']?.map((entry) => BigInt(entry['snapshot-id']));
  expect(log).toEqual(state.snapshots.map(({ id }) => id));
  await commitFile(table, 'next', last);
  expect(await missingFiles(table)).toEqual([]);
  expect((await expireSnapshots(table, { keep: 4, keepForMs: 0 }, later(0))).expiredSnapshots).toBe(0);
});

test('a dry run says what then happens and changes nothing', async () => {
  const { table } = await freshTable();
  await replaceAgain(table, 5);
  const before = { keys: await keysOf(table), at: (await table.metadata()).location };
  const said = await expireSnapshots(table, NOW, later(0), { dryRun: true });
  expect({ keys: await keysOf(table), at: (await table.metadata()).location }).toEqual(before);
  expect(said.expiredSnapshots).toBe(4);
  expect(await expireSnapshots(table, NOW, later(0))).toEqual(said);
});

test('a snapshot stays until long after it stopped being the current one, however old it is', async () => {
  const { table } = await freshTable();
  const first = await replaceAgain(table, 3);
  const policy = { keep: 1, keepForMs: HOUR_MS };
  expect((await expireSnapshots(table, policy, later(0))).expiredSnapshots).toBe(0);
  // The last of the three is two hours old and was current until just now.
  await changeAs(table, (metadata) => ({
    ...metadata,
    snapshots: metadata.snapshots?.map((one) => ({ ...one, 'timestamp-ms': one['timestamp-ms'] - 2 * HOUR_MS })),
    'snapshot-log': metadata['snapshot-log']?.map((entry) => ({ ...entry, 'timestamp-ms': entry['timestamp-ms'] - 2 * HOUR_MS })),
  }));
  await commitFile(table, 'new', first);
  expect(await expireSnapshots(table, policy, later(0))).toMatchObject({ expiredSnapshots: 2, keptSnapshots: 2 });
  expect(await expireSnapshots(table, policy, later(2 * HOUR_MS))).toMatchObject({ expiredSnapshots: 1, keptSnapshots: 1 });
});

test('what branches and tags name stays, and what a branch says it needs', async () => {
  const { table } = await freshTable();
  let file = await commitFile(table, 'tagged');
  const tagged = await currentOf(table);
  file = await commitFile(table, 'between', file);
  file = await commitFile(table, 'before-branch', file);
  const beforeBranch = await currentOf(table);
  file = await commitFile(table, 'branch', file);
  const branch = await currentOf(table);
  for (const name of ['m1', 'm2', 'm3']) file = await commitFile(table, name, file);
  await changeAs(table, (metadata) => ({
    ...metadata,
    refs: {
      ...metadata.refs,
      audit: { 'snapshot-id': Number(tagged.id), type: 'tag' },
      fix: { 'snapshot-id': Number(branch.id), type: 'branch', 'min-snapshots-to-keep': 2 },
    },
  }));
  expect(await expireSnapshots(table, NOW, later(0))).toMatchObject({ expiredSnapshots: 3 });
  const ids = (await table.state()).snapshots.map(({ id }) => id);
  expect(ids).toEqual([tagged.id, beforeBranch.id, branch.id, (await currentOf(table)).id]);
  expect(await missingFiles(table)).toEqual([]);
  expect((await keysOf(table)).filter((key) => key.endsWith('.parquet')).map((key) => key.split('/').at(-1))).toEqual([
    'before-branch.parquet',
    'branch.parquet',
    'm3.parquet',
    'tagged.parquet',
  ]);
});

test('nothing goes where the table forbids it', async () => {
  const { table } = await freshTable();
  await replaceAgain(table, 3);
  await changeAs(table, (metadata) => ({ ...metadata, properties: { ...metadata.properties, 'gc.enabled': 'false' } }));
  expect((await expireSnapshots(table, NOW, later(0))).expiredSnapshots).toBe(0);
});

test('statistics go with their snapshot', async () => {
  const { table, store } = await freshTable();
  const file = await commitFile(table, 'one');
  const old = await currentOf(table);
  await commitFile(table, 'two', file);
  const now = await currentOf(table);
  const of = (id: bigint, name: string) => ({
    'snapshot-id': Number(id),
    'statistics-path': `${table.location}/metadata/${name}`,
  });
  for (const name of ['old.stats', 'new.stats']) await store.put(`silver/orders/metadata/${name}`, new Uint8Array(4));
  await changeAs(table, (metadata) => ({ ...metadata, statistics: [of(old.id, 'old.stats'), of(now.id, 'new.stats')] }));
  await expireSnapshots(table, NOW, later(0));
  expect((await table.metadata()).metadata['statistics']).toEqual([of(now.id, 'new.stats')]);
  expect((await keysOf(table)).filter((key) => key.endsWith('.stats'))).toEqual(['silver/orders/metadata/new.stats']);
});

const fence = (expectedNext: number, endExclusive: number) => ({
  ranges: [{ topic: 't', partition: 0, expectedNext, endExclusive }],
});

test('a table fed from the log keeps the state before its last range, whoever moved rows since', async () => {
  const { table } = await freshTable();
  let file = await commitFile(table, 'r1', undefined, fence(0, 10));
  file = await commitFile(table, 'r2', file, fence(10, 20));
  const before = await currentOf(table);
  file = await commitFile(table, 'r3', file, fence(20, 30));
  for (const name of ['moved1', 'moved2']) file = await commitFile(table, name, file);
  // Another engine's snapshots carry nothing of ours.
  const current = await currentOf(table);
  await changeAs(table, (metadata) => ({
    ...metadata,
    snapshots: metadata.snapshots?.map((one) =>
      BigInt(one['snapshot-id']) === current.id ? { ...one, summary: { operation: 'replace' } } : one,
    ),
  }));
  expect(await expireSnapshots(table, NOW, later(0))).toMatchObject({ expiredSnapshots: 1, keptSnapshots: 4 });
  const { snapshots, nextOffsets } = await table.state();
  expect(snapshots[0]?.id).toBe(before.id);
  expect(nextOffsets.get('t')?.get(0)).toBe(30);
});

test('a first range has no state before it, and keeps all', async () => {
  const { table } = await freshTable();
  let file = await commitFile(table, 'r1', undefined, fence(0, 10));
  file = await commitFile(table, 'moved', file);
  await commitFile(table, 'moved2', file);
  expect((await expireSnapshots(table, NOW, later(0))).expiredSnapshots).toBe(0);
});

test('a rollback stays known as long as what it took is missing', async () => {
  const { table } = await freshTable();
  let file = await commitFile(table, 'r0', undefined, fence(0, 5));
  const older = await currentOf(table);
  file = await commitFile(table, 'r1', file, fence(5, 10));
  const old = await currentOf(table);
  await commitFile(table, 'r2', file, fence(10, 100));
  const lost = await currentOf(table);
  await table.rollback(old.id);
  file = await commitFile(table, 'again1', file, fence(10, 30));
  for (const name of ['moved1', 'moved2', 'moved3']) file = await commitFile(table, name, file);
  await expireSnapshots(table, NOW, later(9 * HOUR_MS));
  const state = await table.state();
  expect(state.rolledBackFrom?.id).toBe(lost.id);
  expect(state.snapshots.map(({ id }) => id)).not.toContain(older.id);
  expect(await missingFiles(table)).toEqual([]);
  await commitFile(table, 'again2', file, fence(30, 100));
  expect((await table.state()).rolledBackFrom).toBeNull();
  // Now it is only old.
  expect((await expireSnapshots(table, { keep: 1, keepForMs: HOUR_MS }, later(0))).expiredSnapshots).toBe(0);
  await expireSnapshots(table, { keep: 1, keepForMs: HOUR_MS }, later(2 * HOUR_MS));
  expect((await table.state()).snapshots.map(({ id }) => id)).not.toContain(lost.id);
  expect(await missingFiles(table)).toEqual([]);
  expect((await keysOf(table)).toSorted()).toEqual(await namedKeys(table));
});

test('a file that came back by a rollback is needed again', async () => {
  const { table } = await freshTable();
  const file = await commitFile(table, 'kept');
  const kept = await currentOf(table);
  await commitFile(table, 'other', file);
  await table.rollback(kept.id);
  await commitFile(table, 'more');
  await expireSnapshots(table, NOW, later(0));
  expect((await table.scan()).files.map(({ path }) => path)).toContain(file.path);
  expect(await missingFiles(table)).toEqual([]);
});

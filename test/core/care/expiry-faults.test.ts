/** Whatever happens in the middle of an expiry, and whoever commits meanwhile: no kept snapshot loses a file. */
import { randomUUID } from 'node:crypto';
import { copyFile, cp, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { expireSnapshots } from '../../../src/core/care/expire-snapshots.js';
import { removeOrphans } from '../../../src/core/care/remove-orphans.js';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import type { ObjectStore } from '../../../src/core/store/object-store.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import type { DataFile } from '../../../src/core/table/table-api.js';
import { freshTable } from '../table/orders-table.js';
import {
  HOUR_MS,
  changeAs,
  commitFile,
  currentOf,
  keysOf,
  later,
  missingFiles,
  namedKeys,
  openOrders,
  replaceAgain,
} from './aging-table.js';

const SOAK = process.env['KEYSTONE_SOAK'] === '1';
const NOW = { keep: 2, keepForMs: 0 };

/** The store of a process that is killed at its `nth` change, after `after` keys of it when it deletes. */
function dyingStore(store: ObjectStore, nth: number, after: number): ObjectStore & { died(): boolean } {
  let changes = 0;
  const die = (): never => {
    throw new Error('killed');
  };
  return {
    ...store,
    died: () => changes >= nth,
    put: async (key, body, condition) => {
      changes += 1;
      if (changes >= nth) die();
      return store.put(key, body, condition);
    },
    delete: async (keys) => {
      changes += 1;
      if (changes > nth) die();
      if (changes < nth) return store.delete(keys);
      await store.delete(keys.slice(0, after));
      return die();
    },
  };
}

test('killed at any change, it leaves orphans only, and they can be removed', { timeout: 60_000 }, async () => {
  let diedAt = 0;
  for (let nth = 1; ; nth += 1) {
    const { dir, table } = await freshTable();
    await replaceAgain(table, 6);
    const dying = dyingStore(await openFolderStore(dir), nth, 2);
    const failed = await expireSnapshots(await openOrders(dying), NOW, later(0)).then(
      () => false,
      () => true,
    );
    if (dying.died()) diedAt = nth;
    const survivor = await openOrders(await openFolderStore(dir));
    expect(await missingFiles(survivor), `killed at change ${nth}`).toEqual([]);
    await commitFile(survivor, 'goes-on');
    await expireSnapshots(survivor, NOW, later(0));
    expect(await missingFiles(survivor)).toEqual([]);
    expect((await survivor.state()).snapshots).toHaveLength(2);
    for (const key of await keysOf(survivor)) {
      const longAgo = new Date(Date.now() - 5 * HOUR_MS);
      await utimes(path.join(dir, key), longAgo, longAgo);
    }
    await removeOrphans(survivor, 2 * HOUR_MS, later(0));
    expect((await keysOf(survivor)).toSorted()).toEqual(await namedKeys(survivor));
    if (!failed && !dying.died()) break;
  }
  expect(diedAt).toBeGreaterThanOrEqual(3); // the swap, data files, metadata files
});

test('racing commits lose nothing to an expiry that never rests', { timeout: 120_000 }, async () => {
  const { dir, table } = await freshTable();
  const COMMITS = SOAK ? 100 : 12;
  const WRITERS = 3;
  let writing = WRITERS;
  const expected = new Set<string>();
  const write = async (writer: number): Promise<void> => {
    const own = await openOrders(await openFolderStore(dir));
    let last: DataFile | undefined;
    for (let n = 0; n < COMMITS; n += 1) {
      // Every third replaces: what it replaced becomes free to go.
      const replaced: DataFile | undefined = n % 3 === 0 ? undefined : last;
      last = await commitFile(own, `w${writer}-${n}`, replaced);
      expected.add(last.path);
      if (replaced) expected.delete(replaced.path);
    }
    writing -= 1;
  };
  let expired = 0;
  const expire = async (): Promise<void> => {
    const own = await openOrders(await openFolderStore(dir));
    while (writing > 0) {
      const { expiredSnapshots } = await expireSnapshots(own, NOW, later(0));
      expired += expiredSnapshots;
    }
  };
  const read = async (): Promise<void> => {
    const own = await openOrders(await openFolderStore(dir));
    while (writing > 0) {
      // What the newest metadata names is there, whatever is expired at this moment.
      const { files, snapshot } = await own.scan();
      const there = await Promise.all(files.map(async ({ path: file }) => [file, await own.store.get(own.store.keyOf(file))]));
      const isStillCurrent = (await own.state()).currentSnapshot?.id === snapshot?.id;
      if (isStillCurrent) expect(there.filter(([, found]) => found === null)).toEqual([]);
    }
  };
  await Promise.all([...Array.from({ length: WRITERS }, (_, n) => write(n)), expire(), expire(), read()]);
  expect(expired).toBeGreaterThan(WRITERS * COMMITS * 0.5);
  expect((await table.scan()).files.map(({ path: file }) => file).toSorted()).toEqual([...expected].toSorted());
  expect(await missingFiles(table)).toEqual([]);
  await expireSnapshots(table, NOW, later(0));
  expect((await keysOf(table)).toSorted()).toEqual(await namedKeys(table));
});

test('old metadata versions are emptied, and whoever is that far behind is refused or led on', { timeout: 60_000 }, async () => {
  const { dir, table, store } = await freshTable();
  const behind = openFolderCatalog(await openFolderStore(dir));
  const sleeper = await openOrders(await openFolderStore(dir));
  const stale = await behind.load('silver.orders');
  if (!stale) throw new Error('no table');
  await sleeper.state();
  let file: DataFile | undefined;
  await changeAs(table, (metadata) => ({
    ...metadata,
    properties: { ...metadata.properties, 'write.metadata.previous-versions-max': '5' },
  }));
  for (let n = 0; n < 3; n += 1) file = await commitFile(table, `f${n}`, file);
  // Another hundred and more versions, without the cost of commits.
  const version = (n: number): string => path.join(dir, `silver/orders/metadata/v${n}.metadata.json`);
  for (let n = 6; n <= 115; n += 1) await copyFile(version(5), version(n));
  await writeFile(path.join(dir, 'silver/orders/metadata/version-hint.text'), '115');
  for (let n = 3; n < 9; n += 1) file = await commitFile(table, `f${n}`, file);
  // Versions are as old as they say: by the writer's clock two hours have passed.
  expect((await expireSnapshots(table, NOW, later(0))).emptiedVersions).toBe(0);
  const done = await expireSnapshots(table, NOW, later(2 * HOUR_MS));
  expect(done.emptiedVersions).toBeGreaterThan(15);
  const sizeOf = async (version: number): Promise<number | undefined> =>
    (await store.get(`silver/orders/metadata/v${version}.metadata.json`))?.body.length;
  expect(await sizeOf(1)).toBe(0);
  expect(await sizeOf(done.emptiedVersions)).toBe(0);
  expect(await sizeOf(done.emptiedVersions + 1)).toBeGreaterThan(500);
  const { metadata } = await table.metadata();
  for (const entry of metadata['metadata-log'] ?? []) {
    expect((await store.get(store.keyOf(entry['metadata-file'])))?.body.length).toBeGreaterThan(500);
  }
  expect((await expireSnapshots(table, NOW, later(2 * HOUR_MS))).emptiedVersions).toBe(0);

  expect(await behind.swap('silver.orders', stale.token, stale.metadata)).toBe(false);
  const current = (await table.state()).currentSnapshot?.id;
  expect((await sleeper.state()).currentSnapshot?.id).toBe(current);
  expect((await sleeper.commit({ add: [] })).kind).toBe('committed');
  // Without the hint, or with one that could not be written for long, the versions are listed.
  for (const hint of ['', '3']) {
    await writeFile(path.join(dir, 'silver/orders/metadata/version-hint.text'), hint);
    const fresh = await openOrders(await openFolderStore(dir));
    expect((await fresh.state()).currentSnapshot?.parentId).toBe(current);
  }
  const newest = (await table.metadata()).location;
  await writeFile(newest, '');
  await writeFile(path.join(dir, 'silver/orders/metadata/version-hint.text'), '1');
  await expect((await catalogOf(dir)).load('silver.orders')).rejects.toMatchObject({
    code: 'KS_TABLE_CORRUPT',
    message: expect.stringMatching(/v\d+\.metadata\.json is empty/),
  });
});

const catalogOf = async (dir: string) => openFolderCatalog(await openFolderStore(dir));

test('a commit and a scan that were overtaken by commits and an expiry go on from the newest', async () => {
  const { dir, table } = await freshTable();
  await replaceAgain(table, 3);
  /** A process to which, at its first look at a manifest list, everything happens that can. */
  const overtaken = async () => {
    const store = await openFolderStore(dir);
    const meanwhile = await openOrders(await openFolderStore(dir));
    let armed = false;
    const own = await openOrders({
      ...store,
      get: async (key) => {
        if (armed && /\/snap-/.test(key)) {
          armed = false;
          await commitFile(meanwhile, `meanwhile-${randomUUID()}`);
          await expireSnapshots(meanwhile, { keep: 1, keepForMs: 0 }, later(0));
        }
        return store.get(key);
      },
    });
    armed = true;
    return own;
  };
  const scanned = await (await overtaken()).scan();
  expect(scanned.snapshot?.id).toBe((await currentOf(table)).id);
  const before = (await table.scan()).files.length;
  await commitFile(await overtaken(), 'late');
  expect((await table.scan()).files).toHaveLength(before + 2);
  const expected = { ranges: [{ topic: 't', partition: 0, expectedNext: 7, endExclusive: 9 }] };
  await expect(commitFile(await overtaken(), 'fenced', undefined, expected)).rejects.toThrow('the table is at offset 0');
  expect(await missingFiles(table)).toEqual([]);
});

test('only old files that no kept snapshot names are orphans', async () => {
  const { dir, table, store } = await freshTable();
  const last = await replaceAgain(table, 4);
  const stray = ['data/stray.parquet', 'data/a/b/stray2.parquet', 'metadata/stray-m0.avro'].map((key) => `silver/orders/${key}`);
  for (const key of [...stray, 'silver/orders/data/young.parquet', 'silver/orders/README.md'])
    await store.put(key, new Uint8Array(7));
  const old = new Date(Date.now() - 4 * 24 * HOUR_MS);
  for (const key of [...(await keysOf(table)), 'silver/orders/metadata/v1.metadata.json']) {
    if (!key.includes('young')) await utimes(path.join(dir, key), old, old);
  }
  const said = await removeOrphans(table, 0, later(0), { dryRun: true });
  expect(said).toMatchObject({ files: 3, bytes: 21, examples: stray.toSorted() });
  expect(await removeOrphans(table, 0, later(0))).toEqual(said);
  expect((await keysOf(table)).toSorted()).toEqual(
    [...(await namedKeys(table)), 'silver/orders/README.md', 'silver/orders/data/young.parquet'].toSorted(),
  );
  expect((await table.scan()).files.map(({ path: file }) => file)).toEqual([last.path]);
  expect(await store.get('silver/orders/metadata/v1.metadata.json')).not.toBeNull();
  expect((await removeOrphans(table, 0, later(0))).files).toBe(0);
});

test('of a lake that was moved nothing is an orphan', async () => {
  const { dir, table } = await freshTable();
  await replaceAgain(table, 2);
  const copy = `${dir}-copy`;
  await cp(dir, copy, { recursive: true });
  try {
    const moved = await openOrders(await openFolderStore(copy));
    await expect(removeOrphans(moved, 0, later(99 * HOUR_MS))).rejects.toMatchObject({ code: 'KS_STORE' });
  } finally {
    await rm(copy, { recursive: true });
  }
});

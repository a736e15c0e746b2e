import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import { openFolderCatalog } from '../../../src/core/table/folder-catalog.js';
import { parseJson } from '../../../src/core/table/lossless-json.js';
import { scanSql } from '../../../src/core/table/scan-sql.js';
import type { Table } from '../../../src/core/table/table-api.js';
import { ensureTable, openTable } from '../../../src/core/table/table.js';
import { systemEffects } from '../../support/effects.js';
import { ORDERS, bareFile, duck, freshTable, rowsSql, write } from './orders-table.js';

const fence = (expectedNext: number, endExclusive: number, fencingToken?: number) => ({
  ranges: [{ topic: 't', partition: 0, expectedNext, endExclusive }],
  ...(fencingToken === undefined ? {} : { fencingToken }),
});

async function count(table: Table, session: Awaited<ReturnType<typeof duck>>, snapshotId?: bigint): Promise<number> {
  const { files } = await table.scan(snapshotId === undefined ? {} : { snapshotId });
  const { fields } = await table.state();
  const [row] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n FROM (${await scanSql(fields, files, table.store)})`);
  return Number(row?.n);
}

/** Changes the current metadata as another writer would: a further version. */
async function foreignCommit(dir: string, change: (metadata: Record<string, unknown>) => void): Promise<void> {
  const folder = path.join(dir, 'silver/orders/metadata');
  const versions = (await readdir(folder)).map((name) => Number(/^v(\d+)\./.exec(name)?.[1] ?? 0));
  const newest = Math.max(...versions);
  const metadata = JSON.parse(await readFile(path.join(folder, `v${newest}.metadata.json`), 'utf8'));
  change(metadata);
  const text = JSON.stringify(metadata).replaceAll('"BIG"', '8744736658442914487');
  await writeFile(path.join(folder, `v${newest + 1}.metadata.json`), text);
}

describe('a table', () => {
  it('holds the rows of its appends, and its older snapshots as they were', async () => {
    const { table } = await freshTable();
    const session = await duck();
    const first = await table.commit({ add: await write(session, table, rowsSql(0, 10)) });
    const second = await table.commit({ add: await write(session, table, rowsSql(10, 15, '2017-10-03')) });
    expect([first.kind, second.kind]).toEqual(['committed', 'committed']);
    expect(await count(table, session)).toBe(15);
    expect(await count(table, session, first.kind === 'committed' ? first.snapshot.id : 0n)).toBe(10);
    const { currentSnapshot } = await table.state();
    expect(currentSnapshot?.operation).toBe('append');
    expect(currentSnapshot?.summary).toMatchObject({
      'added-data-files': '1',
      'added-records': '5',
      'total-data-files': '2',
      'total-records': '15',
      'deleted-data-files': '0',
    });
  });

  it('replaces files in one commit, and refuses to replace a file twice', async () => {
    const { table, store } = await freshTable();
    const session = await duck();
    const old = await write(session, table, rowsSql(0, 10));
    await table.commit({ add: [...old, ...(await write(session, table, rowsSql(10, 12, '2017-10-03')))] });
    const remove = old.map((file) => file.path);
    const outcome = await table.commit({ add: await write(session, table, rowsSql(0, 11)), remove });
    expect(outcome.kind === 'committed' && outcome.snapshot.operation).toBe('overwrite');
    expect(outcome.kind === 'committed' && outcome.snapshot.summary).toMatchObject({
      'deleted-data-files': '1',
      'deleted-records': '10',
      'total-records': '13',
    });
    expect(await count(table, session)).toBe(13);
    const late = await write(session, table, rowsSql(0, 9));
    expect((await table.commit({ add: late, remove })).kind).toBe('conflict');
    expect(await store.get(store.keyOf(late[0]?.path ?? ''))).toBeNull();
    expect(await count(table, session)).toBe(13);
  });

  it('is found again by name, and is null under another', async () => {
    const { dir } = await freshTable();
    const store = await openFolderStore(dir);
    const catalog = openFolderCatalog(store);
    expect((await openTable(catalog, store, 'silver.orders', systemEffects()))?.location).toBe(path.join(dir, 'silver/orders'));
    expect(await openTable(catalog, store, 'silver.order', systemEffects())).toBeNull();
    expect(await catalog.tableNames()).toEqual(['silver.orders']);
  });
});

describe('the offset fence', () => {
  it('lets a range in once, whoever brings it', async () => {
    const { table } = await freshTable();
    expect((await table.commit({ add: [bareFile(table, 'a')], fence: fence(0, 10) })).kind).toBe('committed');
    const again = await table.commit({ add: [bareFile(table, 'b')], fence: fence(0, 10) });
    expect(again.kind === 'fenced' && again.nextOffsets.get('t')?.get(0)).toBe(10);
    expect((await table.commit({ add: [], fence: fence(10, 10) })).kind).toBe('committed');
    expect((await table.commit({ add: [bareFile(table, 'c')], fence: fence(10, 12) })).kind).toBe('committed');
    const { nextOffsets } = await table.state();
    expect(nextOffsets.get('t')?.get(0)).toBe(12);
    expect((await table.scan()).files.map((file) => path.basename(file.path)).toSorted()).toEqual(['a.parquet', 'c.parquet']);
  });

  it('merges into the complete vector, which commits without a fence carry on', async () => {
    const { table } = await freshTable();
    await table.commit({
      add: [],
      fence: {
        ranges: [
          { topic: 't', partition: 1, expectedNext: 0, endExclusive: 5 },
          { topic: 'u', partition: 0, expectedNext: 0, endExclusive: 7 },
        ],
        holes: [{ topic: 't', partition: 1, from: 2, toExclusive: 3 }],
        fencingToken: 4,
      },
      summary: { 'keystone.log-id': '{"t":"made"}' },
    });
    await table.commit({ add: [], fence: { ...fence(0, 3), holes: [{ topic: 't', partition: 1, from: 3, toExclusive: 4 }] } });
    await table.commit({ add: [bareFile(table, 'x')], operation: 'replace' });
    const { currentSnapshot, holes } = await table.state();
    expect(currentSnapshot?.summary['keystone.next-offsets']).toBe('{"t":{"0":3,"1":5},"u":{"0":7}}');
    expect(currentSnapshot?.summary['keystone.fencing-token']).toBe('4');
    expect(currentSnapshot?.summary['keystone.log-id']).toBe('{"t":"made"}');
    expect(holes).toEqual([{ topic: 't', partition: 1, from: 2, toExclusive: 4 }]);
  });

  it('tells an accepted loss in every later snapshot, also once the one that brought it has expired', async () => {
    const { table } = await freshTable();
    const lost = { topic: 't', partition: 0, from: 0, toExclusive: 40 };
    const loss = { acceptedAtMs: 1_700_000_000_000, by: 'ada@night', reason: 'retention was too short', offsets: [lost] };
    expect((await table.commit({ add: [], fence: { ...fence(0, 40), loss } })).kind).toBe('committed');
    const again = await table.commit({ add: [], fence: { ...fence(0, 40), loss } });
    expect(again.kind).toBe('fenced');
    await table.commit({ add: [bareFile(table, 'a')], fence: fence(40, 41) });
    await table.commit({ add: [bareFile(table, 'b')], operation: 'replace' });
    await table.changeMetadata(async (base) => ({
      ...base,
      snapshots: base.snapshots?.filter((one) => one['snapshot-id'] === base['current-snapshot-id']) ?? [],
    }));
    expect(await table.state()).toMatchObject({ holes: [lost], losses: [loss] });
  });

  it('refuses a superseded lease token, and removes the files it brought', async () => {
    const { table, store } = await freshTable();
    const session = await duck();
    await table.commit({ add: [], fence: fence(0, 1, 7) });
    const add = await write(session, table, rowsSql(0, 3));
    const zombie = await table.commit({ add, fence: fence(1, 4, 6) });
    expect(zombie).toMatchObject({ kind: 'fenced', reason: expect.stringContaining('superseded by 7') });
    expect(await store.get(store.keyOf(add[0]?.path ?? ''))).toBeNull();
  });

  it('keeps the files of a commit whose answer was lost when the repeat is refused', async () => {
    const { table, store } = await freshTable();
    const session = await duck();
    const add = await write(session, table, rowsSql(0, 3));
    await table.commit({ add, fence: fence(0, 3) });
    expect((await table.commit({ add, fence: fence(0, 3) })).kind).toBe('fenced');
    expect(await store.get(store.keyOf(add[0]?.path ?? ''))).not.toBeNull();
  });
});

describe('racing writers', () => {
  it('lose none of 200 commits', async () => {
    const { dir, table } = await freshTable();
    const writers = await Promise.all(
      [0, 1, 2, 3].map(async (n) => {
        const store = await openFolderStore(dir);
        return ensureTable(openFolderCatalog(store), store, ORDERS, systemEffects(`writer/${n}`));
      }),
    );
    await Promise.all(
      writers.map(async (writer, n) => {
        for (let i = 0; i < 50; i++) {
          const outcome = await writer.commit({ add: [bareFile(writer, `${n}-${i}`)] });
          expect(outcome.kind).toBe('committed');
        }
      }),
    );
    const { files } = await table.scan();
    expect(new Set(files.map((file) => file.path)).size).toBe(200);
    const state = await table.state();
    expect(state.snapshots).toHaveLength(200);
    expect(state.currentSnapshot?.summary['total-records']).toBe('200');
    const left = (await readdir(path.join(dir, 'silver/orders/metadata'))).filter((name) => name.startsWith('snap-'));
    expect(left).toHaveLength(200);
  });

  it('bring every offset in exactly once when all of them bring the same ranges', async () => {
    const { dir, table } = await freshTable();
    const open = async () => {
      const store = await openFolderStore(dir);
      return ensureTable(openFolderCatalog(store), store, ORDERS, systemEffects());
    };
    const outcomes = await Promise.all(
      (await Promise.all([open(), open(), open()])).map(async (writer, n) => {
        const kinds: string[] = [];
        for (let at = 0; at < 10; at++) {
          kinds.push((await writer.commit({ add: [bareFile(writer, `${n}-${at}`)], fence: fence(at, at + 1) })).kind);
          while (((await writer.state()).nextOffsets.get('t')?.get(0) ?? 0) <= at)
            await new Promise((wake) => setTimeout(wake, 1));
        }
        return kinds;
      }),
    );
    expect(outcomes.flat().filter((kind) => kind === 'committed')).toHaveLength(10);
    expect((await table.scan()).files).toHaveLength(10);
  });
});

describe('rollback', () => {
  it('makes an older snapshot current, its offsets with it, until what it left is consumed again', async () => {
    const { table } = await freshTable();
    const ids: bigint[] = [];
    for (let at = 0; at < 3; at++) {
      const outcome = await table.commit({ add: [bareFile(table, `r${at}`)], fence: fence(at * 10, at * 10 + 10) });
      if (outcome.kind === 'committed') ids.push(outcome.snapshot.id);
    }
    await table.rollback(ids[0] as bigint);
    const back = await table.state();
    expect(back.currentSnapshot?.id).toBe(ids[0]);
    expect(back.nextOffsets.get('t')?.get(0)).toBe(10);
    expect(back.rolledBackFrom?.id).toBe(ids[2]);
    expect(back.snapshots).toHaveLength(3);
    expect((await table.scan()).files).toHaveLength(1);
    await table.commit({ add: [bareFile(table, 'r3')], fence: fence(10, 15) });
    expect((await table.state()).rolledBackFrom?.id).toBe(ids[2]);
    await table.commit({ add: [bareFile(table, 'r4')], fence: fence(15, 30) });
    expect((await table.state()).rolledBackFrom).toBeNull();
  });

  it('refuses an unknown snapshot', async () => {
    const { table } = await freshTable();
    await expect(table.rollback(42n)).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
  });
});

describe('other engines', () => {
  it('keep their 64-bit snapshot ids and unknown fields through our commits', async () => {
    const { dir, table } = await freshTable();
    await table.commit({ add: [bareFile(table, 'a')], fence: fence(0, 4) });
    await foreignCommit(dir, (metadata) => {
      const snapshots = metadata['snapshots'] as Record<string, unknown>[];
      const [first] = snapshots as [Record<string, unknown> & { summary: Record<string, string> }];
      const { 'keystone.next-offsets': _, 'total-records': __, ...summary } = first.summary;
      snapshots.push({
        ...snapshots[0],
        'snapshot-id': 'BIG',
        'parent-snapshot-id': snapshots[0]?.['snapshot-id'],
        'sequence-number': 2,
        'foreign-field': { deep: [1, 2] },
        summary,
      });
      metadata['current-snapshot-id'] = 'BIG';
      metadata['refs'] = {
        main: { 'snapshot-id': 'BIG', type: 'branch', 'max-snapshot-age-ms': 5 },
        audit: { 'snapshot-id': snapshots[0]?.['snapshot-id'], type: 'tag' },
      };
      metadata['last-sequence-number'] = 2;
      metadata['statistics'] = [{ 'snapshot-id': 'BIG', 'statistics-path': 'p' }];
      metadata['next-row-id'] = 'BIG';
    });
    const before = await table.state();
    expect(before.currentSnapshot?.id).toBe(8744736658442914487n);
    expect(before.nextOffsets.get('t')?.get(0)).toBe(4);
    expect((await table.commit({ add: [bareFile(table, 'b')], fence: fence(0, 4) })).kind).toBe('fenced');
    expect((await table.commit({ add: [bareFile(table, 'b')], fence: fence(4, 6) })).kind).toBe('committed');
    const { metadataLocation, currentSnapshot } = await table.state();
    expect(currentSnapshot?.parentId).toBe(8744736658442914487n);
    expect(currentSnapshot?.summary['total-records']).toBe('2');
    const text = await readFile(metadataLocation, 'utf8');
    expect(text).toContain('"next-row-id":8744736658442914487');
    expect(text).toContain('"foreign-field":{"deep":[1,2]}');
    expect(text).toContain('"statistics":[{"snapshot-id":8744736658442914487,"statistics-path":"p"}]');
    expect(text).toContain('"max-snapshot-age-ms":5');
    expect((parseJson(text) as { refs: { audit: unknown } }).refs.audit).toBeDefined();
  });

  it('make a format version 3 table refused', async () => {
    const { dir, table } = await freshTable();
    await foreignCommit(dir, (metadata) => {
      metadata['format-version'] = 3;
    });
    await expect(table.state()).rejects.toMatchObject({ code: 'KS_TABLE_UNSUPPORTED' });
  });
});

describe('manifests', () => {
  it('are merged when there are many, and lose no file', async () => {
    const { table } = await freshTable({ ...ORDERS, properties: { 'commit.manifest.min-count-to-merge': '10' } });
    for (let i = 0; i < 35; i++) await table.commit({ add: [bareFile(table, `m${i}`)] });
    const { files, recordCount } = await table.scan();
    expect(files).toHaveLength(35);
    expect(recordCount).toBe(35);
    expect((await table.state()).currentSnapshot?.summary['total-data-files']).toBe('35');
    // A second process reads what the first one merged.
    const store = await openFolderStore(path.dirname(path.dirname(table.location)));
    const again = await openTable(openFolderCatalog(store), store, 'silver.orders', systemEffects());
    expect((await again?.scan())?.files).toHaveLength(35);
    const gone = files.slice(0, 20).map((file) => file.path);
    await again?.commit({ add: [], remove: gone });
    expect((await table.scan()).files).toHaveLength(15);
  });
});

describe('a definition that changed', () => {
  it('adds optional columns, which are null in older files', async () => {
    const { dir, table } = await freshTable();
    const session = await duck();
    await table.commit({ add: await write(session, table, rowsSql(0, 2)) });
    const store = await openFolderStore(dir);
    const wider = await ensureTable(
      openFolderCatalog(store),
      store,
      {
        ...ORDERS,
        fields: [
          { id: 1, name: 'note', type: 'string', required: false },
          ...ORDERS.fields.map((field) => ({ ...field, id: field.id + 1 })),
        ],
      },
      systemEffects(),
    );
    await wider.commit({ add: await write(session, wider, `SELECT *, 'hi' AS note FROM (${rowsSql(2, 3)})`) });
    const { fields } = await wider.state();
    expect(fields.map((field) => [field.id, field.name])).toEqual([
      [1, 'order_id'],
      [2, 'purchased_at'],
      [3, 'price'],
      [4, 'items'],
      [5, 'note'],
    ]);
    const sql = await scanSql(fields, (await wider.scan()).files, store);
    expect(await session.jsonRows(`SELECT order_id, note FROM (${sql}) ORDER BY 1`)).toEqual([
      { order_id: 'o00000000', note: null },
      { order_id: 'o00000001', note: null },
      { order_id: 'o00000002', note: 'hi' },
    ]);
  });

  it('is refused when a type, the partitioning, or a required column differs', async () => {
    const { dir } = await freshTable();
    const store = await openFolderStore(dir);
    const ensure = (change: Partial<typeof ORDERS>) =>
      ensureTable(openFolderCatalog(store), store, { ...ORDERS, ...change }, systemEffects());
    const [id, ...rest] = ORDERS.fields;
    await expect(ensure({ fields: [{ ...(id as (typeof rest)[0]), type: 'long' }, ...rest] })).rejects.toMatchObject({
      code: 'KS_CONFIG',
      message: expect.stringMatching(/order_id.*string.*long/),
    });
    await expect(ensure({ partition: [] })).rejects.toMatchObject({ code: 'KS_CONFIG' });
    await expect(ensure({ fields: rest })).rejects.toMatchObject({ code: 'KS_CONFIG' });
    await expect(ensure({ fields: [...ORDERS.fields, { id: 9, name: 'x', type: 'int', required: true }] })).rejects.toMatchObject(
      { code: 'KS_CONFIG' },
    );
  });

  it('is created once when several processes create it', async () => {
    const { dir } = await freshTable();
    const tables = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const store = await openFolderStore(dir);
        return ensureTable(openFolderCatalog(store), store, { ...ORDERS, name: 'silver.raced' }, systemEffects());
      }),
    );
    await Promise.all(tables.map((table, i) => table.commit({ add: [bareFile(table, `c${i}`)] })));
    expect((await tables[0]?.scan())?.files).toHaveLength(8);
  });
});

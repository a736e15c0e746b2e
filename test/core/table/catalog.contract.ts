/** What every catalog must do. `open` gives the same catalog each time, as another process would see it. */
import { describe, expect, it } from 'vitest';
import type { Catalog } from '../../../src/core/table/catalog.js';
import { newTable } from '../../../src/core/table/new-table.js';
import type { TableMetadata } from '../../../src/core/table/table-metadata.js';

const metadata = (owner: string): TableMetadata =>
  newTable(
    { name: 'a.b', fields: [{ id: 1, name: 'x', type: 'int', required: false }], partition: [], properties: { owner } },
    '/lake/a/b',
    'uuid',
    1,
  );

export function catalogContract(name: string, fresh: () => Promise<() => Promise<Catalog>>): void {
  describe(`${name}: a catalog`, () => {
    it('knows nothing at first, and then what was swapped in', async () => {
      const open = await fresh();
      const [mine, other] = [await open(), await open()];
      expect(await mine.load('a.b')).toBeNull();
      expect(await mine.tableNames()).toEqual([]);
      expect(await mine.swap('a.b', null, metadata('first'))).toBe(true);
      expect((await other.load('a.b'))?.metadata.properties).toEqual({ owner: 'first' });
      expect(await other.tableNames()).toEqual(['a.b']);
    });

    it('creates a table once', async () => {
      const catalogs = await openMany(await fresh());
      const created = await Promise.all(catalogs.map((catalog, n) => catalog.swap('a.b', null, metadata(String(n)))));
      expect(created.filter(Boolean)).toHaveLength(1);
      expect((await catalogs[0]?.load('a.b'))?.metadata.properties).toEqual({ owner: String(created.indexOf(true)) });
    });

    it('lets one of many swaps from the same state through, and every reader see it', async () => {
      const catalogs = await openMany(await fresh());
      await catalogs[0]?.swap('a.b', null, metadata('start'));
      for (let round = 0; round < 20; round++) {
        const bases = await Promise.all(catalogs.map((catalog) => catalog.load('a.b')));
        expect(new Set(bases.map((base) => base?.token)).size).toBe(1);
        const swapped = await Promise.all(
          catalogs.map((catalog, n) => catalog.swap('a.b', bases[n]?.token ?? null, metadata(`${round}/${n}`))),
        );
        expect(swapped.filter(Boolean)).toHaveLength(1);
        for (const catalog of catalogs) {
          expect((await catalog.load('a.b'))?.metadata.properties).toEqual({ owner: `${round}/${swapped.indexOf(true)}` });
        }
      }
    });

    it('refuses a swap from a state that is past, however long', async () => {
      const catalog = await (await fresh())();
      await catalog.swap('a.b', null, metadata('0'));
      const old = await catalog.load('a.b');
      for (let i = 1; i < 5; i++) await catalog.swap('a.b', (await catalog.load('a.b'))?.token ?? null, metadata(String(i)));
      expect(await catalog.swap('a.b', old?.token ?? null, metadata('late'))).toBe(false);
      expect(await catalog.swap('a.b', null, metadata('late'))).toBe(false);
      expect((await catalog.load('a.b'))?.metadata.properties).toEqual({ owner: '4' });
    });

    it('keeps tables apart, and orders their names', async () => {
      const catalog = await (await fresh())();
      for (const table of ['silver.orders', 'bronze.events', 'silver.customers'] as const)
        await catalog.swap(table, null, metadata(table));
      expect(await catalog.tableNames()).toEqual(['bronze.events', 'silver.customers', 'silver.orders']);
      expect((await catalog.load('silver.orders'))?.metadata.properties).toEqual({ owner: 'silver.orders' });
      expect(await catalog.load('silver.order')).toBeNull();
    });

    it('refuses names that are none', async () => {
      const catalog = await (await fresh())();
      for (const bad of ['../x.y', 'a.b.c', 'a/b.c', '.x'])
        await expect(catalog.load(bad as 'a.b')).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
    });
  });
}

const openMany = async (open: () => Promise<Catalog>): Promise<readonly Catalog[]> =>
  Promise.all([open(), open(), open(), open()]);

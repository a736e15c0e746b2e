/** What every object store must do. `open` gives the same store each time: two of them stand for two processes. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ObjectStore } from '../../../src/core/store/object-store.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = async (store: ObjectStore, key: string): Promise<string | null> => {
  const stored = await store.get(key);
  return stored && new TextDecoder().decode(stored.body);
};
async function keysOf(store: ObjectStore, prefix: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

/** `answerKeys`: how many keys one answer of the store holds at most. */
export function objectStoreContract(name: string, fresh: () => Promise<() => Promise<ObjectStore>>, answerKeys = 20): void {
  describe(`${name}: an object store`, () => {
    it('gives back what was put, under an etag that changes with the bytes', async () => {
      const store = await (await fresh())();
      const first = await store.put('a/b.txt', bytes('one'));
      expect(await store.get('a/b.txt')).toMatchObject({ etag: first.kind === 'stored' ? first.etag : '' });
      const etags = new Set<string>();
      for (let i = 0; i < 20; i++) {
        const outcome = await store.put('a/b.txt', bytes(`two ${i}`));
        if (outcome.kind === 'stored') etags.add(outcome.etag);
      }
      expect(etags.size).toBe(20);
      expect(await textOf(store, 'a/b.txt')).toBe('two 19');
      expect(await store.get('a/c.txt')).toBeNull();
      expect(await store.get('a')).toBeNull();
    });

    it('lets exactly one of many racing ifAbsent puts in, whole', async () => {
      const open = await fresh();
      const stores = await Promise.all([open(), open(), open(), open()]);
      for (let round = 0; round < 10; round++) {
        const outcomes = await Promise.all(
          stores.map((store, n) => store.put(`r/${round}`, bytes(`from ${n}`.repeat(1000)), { kind: 'ifAbsent' })),
        );
        expect(outcomes.filter(({ kind }) => kind === 'stored')).toHaveLength(1);
        const winner = outcomes.findIndex(({ kind }) => kind === 'stored');
        expect(await textOf(stores[0] as ObjectStore, `r/${round}`)).toBe(`from ${winner}`.repeat(1000));
      }
    });

    it('loses no increment of a counter that is changed under ifMatch', async () => {
      const open = await fresh();
      const stores = await Promise.all([open(), open(), open()]);
      await stores[0]?.put('counter', bytes('0'));
      await Promise.all(
        stores.map(async (store) => {
          for (let done = 0; done < 20;) {
            const now = await store.get('counter');
            const next = Number(new TextDecoder().decode(now?.body)) + 1;
            const outcome = await store.put('counter', bytes(String(next)), { kind: 'ifMatch', etag: now?.etag ?? '' });
            if (outcome.kind === 'stored') done++;
          }
        }),
      );
      expect(await textOf(stores[1] as ObjectStore, 'counter')).toBe('60');
    });

    it('refuses ifMatch on an absent key', async () => {
      const store = await (await fresh())();
      expect(await store.put('none', bytes('x'), { kind: 'ifMatch', etag: 'e' })).toEqual({ kind: 'conflict' });
      expect(await store.get('none')).toBeNull();
    });

    it('lists keys under a prefix in the order of their UTF-8 bytes', async () => {
      const store = await (await fresh())();
      const keys = ['a', 'a-b', 'a.txt', 'b/1', 'b-1', 'b/é', 'b/\u{1F600}', 'b/\uFFFD', 'b0', 'b/c/d'];
      for (const key of keys.toReversed()) await store.put(key === 'a' ? 'a!' : key, bytes(key));
      const expected = keys
        .map((key) => (key === 'a' ? 'a!' : key))
        .toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
      expect(await keysOf(store, '')).toEqual(expected);
      expect(await keysOf(store, 'b/')).toEqual(expected.filter((key) => key.startsWith('b/')));
      expect(await keysOf(store, 'b/c')).toEqual(['b/c/d']);
      expect(await keysOf(store, 'a')).toEqual(['a!', 'a-b', 'a.txt']);
      expect(await keysOf(store, 'nothing/here')).toEqual([]);
      expect(await store.folders('')).toEqual(['b']);
      expect(await store.folders('b/')).toEqual(['c']);
    });

    it('never lists an object that is still being put', async () => {
      const store = await (await fresh())();
      const big = new Uint8Array(4_000_000);
      const progress = { isDone: false };
      const puts = Promise.all(Array.from({ length: 8 }, (_, i) => store.put(`big/${i}`, big))).finally(() => {
        progress.isDone = true;
      });
      while (!progress.isDone) {
        for await (const info of store.list(''))
          expect(info).toMatchObject({ key: expect.stringMatching(/^big\/\d$/), sizeBytes: big.length });
        await new Promise((wake) => setImmediate(wake));
      }
      await puts;
    });

    it('takes in a staged file, and deletes what is there or not', async () => {
      const store = await (await fresh())();
      const staged = path.join(await store.stagingDir(), 'made.bin');
      await writeFile(staged, 'data');
      expect(await keysOf(store, '')).toEqual([]);
      await store.putFile('t/data/made.bin', staged);
      expect(await textOf(store, 't/data/made.bin')).toBe('data');
      await store.delete(['t/data/made.bin', 't/data/other.bin', 't/none']);
      expect(await keysOf(store, '')).toEqual([]);
    });

    it('gives a local path to the bytes of an object, whoever put it, and to none of one that is gone', async () => {
      const open = await fresh();
      const [store, other] = [await open(), await open()];
      const staged = path.join(await store.stagingDir(), 'made.bin');
      await writeFile(staged, 'from a file');
      await store.putFile('t/day=2017-01-01/[a]*.bin', staged);
      await store.put('t/b.bin', bytes('from memory'));
      for (const reader of [store, other]) {
        const local = await reader.localPath('t/day=2017-01-01/[a]*.bin');
        expect(await readFile(local, 'utf8')).toBe('from a file');
        expect(local.endsWith('/t/day=2017-01-01/[a]*.bin')).toBe(true);
        expect(await readFile(await reader.localPath('t/b.bin'), 'utf8')).toBe('from memory');
        const missing = await reader.localPath('t/none.bin');
        expect(missing.endsWith('/t/none.bin')).toBe(true);
        expect(existsSync(missing)).toBe(false);
      }
    });

    it('deletes, lists and groups more objects than one answer holds', async () => {
      const store = await (await fresh())();
      const keys = Array.from({ length: answerKeys + 13 }, (_, n) => `many/${String(n % 7)}/${String(n).padStart(5, '0')}`);
      for (let from = 0; from < keys.length; from += 50)
        await Promise.all(keys.slice(from, from + 50).map((key) => store.put(key, bytes(key))));
      expect(await keysOf(store, 'many/')).toEqual(keys.toSorted());
      expect(await store.folders('many/')).toEqual(['0', '1', '2', '3', '4', '5', '6']);
      await store.delete(keys);
      expect(await keysOf(store, '')).toEqual([]);
    });

    it('turns keys into URIs and back, and knows foreign URIs', async () => {
      const store = await (await fresh())();
      expect(store.keyOf(store.uri('a/b c=%2F.parquet'))).toBe('a/b c=%2F.parquet');
      expect(() => store.keyOf('/elsewhere/a')).toThrow(expect.objectContaining({ code: 'KS_STORE' }));
    });

    it('lets no key leave its root', async () => {
      const store = await (await fresh())();
      for (const key of [
        '../x',
        'a/../../x',
        '/etc/passwd',
        'a//b',
        './a',
        '',
        'a/',
        'a\\..\\b',
        'a\u0000b',
        '.keystone-staging/x',
      ]) {
        await expect(store.put(key, bytes('x')), key).rejects.toMatchObject({ code: 'KS_STORE' });
        await expect(store.get(key), key).rejects.toMatchObject({ code: 'KS_STORE' });
        await expect(store.delete([key]), key).rejects.toMatchObject({ code: 'KS_STORE' });
      }
      expect(() => store.keyOf(`${store.uri('a')}/../../../x`)).toThrow(expect.objectContaining({ code: 'KS_STORE' }));
    });
  });
}

import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFolderStore } from '../../../src/core/store/folder-store.js';
import { layeredStore } from '../../../src/core/store/layered-store.js';
import type { ObjectStore } from '../../../src/core/store/object-store.js';
import { tempDir } from '../../support/temp-dir.js';
import { objectStoreContract } from './object-store.contract.js';

async function openLayers(dir: string, names: readonly string[]): Promise<ObjectStore> {
  const base = await openFolderStore(path.join(dir, 'base'));
  const layers = new Map<string, ObjectStore>();
  for (const name of names) layers.set(name, await openFolderStore(path.join(dir, `bucket-${name}`)));
  return layeredStore(base, layers);
}

// The keys of the contract's tests lie partly in layers, partly beside them.
objectStoreContract('layered', async () => {
  const dir = await tempDir();
  return () => openLayers(dir, ['a', 'r', 'many', 'p']);
});

const keysOf = async (store: ObjectStore, prefix: string): Promise<readonly string[]> => {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
};

describe('a layered store', () => {
  it('keeps each layer in its own store, without its name there', async () => {
    const dir = await tempDir();
    const store = await openLayers(dir, ['silver', 'gold']);
    await store.put('silver/orders/data/a.parquet', new Uint8Array(3));
    await store.put('ledger/dispositions/data/b.parquet', new Uint8Array(1));
    const uri = store.uri('silver/orders/data/a.parquet');
    expect(uri).toContain('/bucket-silver/orders/data/a.parquet');
    expect(store.keyOf(uri)).toBe('silver/orders/data/a.parquet');
    expect(store.keyOf(store.uri('ledger/x'))).toBe('ledger/x');
    expect(() => store.keyOf(uri.replace('bucket-silver', 'bucket-other'))).toThrow(/lies outside/);
    expect(await store.folders('')).toEqual(['ledger', 'silver']);
    expect(await store.folders('silver/')).toEqual(['orders']);
  });

  it('lists all stores in one order of keys, and nothing of the base that a layer hides', async () => {
    const dir = await tempDir();
    const plain = await openFolderStore(path.join(dir, 'base'));
    const all = ['a/1', 'gold/1', 'gold-old/1', 'gold.txt', 'ledger/1', 'silver/1', 'silver/x/2', 'silverish', 'z'];
    const store = await openLayers(dir, ['silver', 'gold']);
    for (const key of all) await store.put(key, new Uint8Array(1));
    await plain.put('silver/hidden', new Uint8Array(1));
    const inOrder = all.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    expect(await keysOf(store, '')).toEqual(inOrder);
    expect(await keysOf(store, 'silver')).toEqual(['silver/1', 'silver/x/2', 'silverish']);
    expect(await keysOf(store, 'silver/x')).toEqual(['silver/x/2']);
    expect(await keysOf(store, 'gold')).toEqual(['gold-old/1', 'gold.txt', 'gold/1']);
    await store.delete(all);
    expect(await keysOf(store, '')).toEqual([]);
  });
});

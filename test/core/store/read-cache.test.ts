import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openReadCache, type ObjectVersion, type ReadCache } from '../../../src/core/store/read-cache.js';
import { tempDir } from '../../support/temp-dir.js';

const MINUTE_MS = 60_000;
const SIZE = 1000;

/** Opens a cache of `folder` as a process of its own would; time moves by hand. */
function cachesOf(folder: string, maxBytes: number) {
  const time = { nowMs: 1_700_000_000_000 };
  const filled: string[] = [];
  return {
    time,
    filled,
    open: async (place = 's3://one'): Promise<ReadCache> => {
      const cache = await openReadCache({
        folder,
        maxBytes,
        place,
        clock: { nowMs: () => time.nowMs, sleep: async () => undefined },
      });
      onTestFinished(() => cache.close());
      return cache;
    },
    /** A copy of `key`, which counts as used now. */
    copy: async (cache: ReadCache, key: string, etag = 'e1'): Promise<string> => {
      time.nowMs += 1000;
      return cache.copyOf(version(key, etag), async (file) => {
        filled.push(key);
        await writeFile(file, contentOf(key, etag));
      });
    },
    held: async (): Promise<number> => (await readdir(path.join(folder, 'objects'))).length,
  };
}

const contentOf = (key: string, etag: string): string => `${key} ${etag} `.padEnd(SIZE, '.');
const version = (key: string, etag: string): ObjectVersion => ({ key, etag, sizeBytes: SIZE });

describe('a read cache', () => {
  it('fetches each version once for all processes, however many ask at the same time', async () => {
    const { open, copy, filled } = cachesOf(await tempDir(), 1e6);
    const [one, two] = [await open(), await open()];
    const paths = await Promise.all(Array.from({ length: 5 }, () => copy(one, 'bronze/events/data/a.parquet')));
    expect(new Set(paths).size).toBe(1);
    expect(paths[0]?.endsWith('/bronze/events/data/a.parquet')).toBe(true);
    const other = await copy(two, 'bronze/events/data/a.parquet');
    expect(filled).toEqual(['bronze/events/data/a.parquet']);
    expect(await readFile(other, 'utf8')).toBe(contentOf('bronze/events/data/a.parquet', 'e1'));
    const newer = await copy(one, 'bronze/events/data/a.parquet', 'e2');
    expect(await readFile(newer, 'utf8')).toBe(contentOf('bronze/events/data/a.parquet', 'e2'));
    expect(await readFile(other, 'utf8')).toBe(contentOf('bronze/events/data/a.parquet', 'e1'));
    await copy(await open('s3://another'), 'bronze/events/data/a.parquet');
    expect(filled.length).toBe(3);
  });

  it('keeps its bound, the least recently used go first', async () => {
    const { open, copy, filled, held } = cachesOf(await tempDir(), 10 * SIZE);
    for (let n = 0; n < 10; n++) {
      const cache = await open();
      await copy(cache, `k${n}`);
      await cache.close();
    }
    const again = await open();
    await copy(again, 'k0');
    await again.close();
    for (const key of ['new1', 'new2', 'new3']) {
      const cache = await open();
      await copy(cache, key);
      await cache.close();
    }
    expect(await held()).toBe(10);
    const before = filled.length;
    const cache = await open();
    await copy(cache, 'k0');
    expect(filled.length).toBe(before);
    await copy(cache, 'k1');
    expect(filled.slice(before)).toEqual(['k1']);
  });

  it('takes nothing from a process that reads it, also under another one that needs room', async () => {
    const folder = await tempDir();
    const { open, copy, time, held } = cachesOf(folder, 2 * SIZE);
    const [reader, busy] = [await open(), await open()];
    const inUse = await copy(reader, 'k0');
    for (let n = 1; n < 20; n++) await copy(busy, `k${n}`);
    expect(await readFile(inUse, 'utf8')).toBe(contentOf('k0', 'e1'));
    expect(await held()).toBe(20); // all are in use: more than the bound, for now
    time.nowMs += 20 * MINUTE_MS;
    const last = await copy(busy, 'k20');
    // Its own idle ones are let go; what another process may still read is that one's to let go.
    expect(existsSync(last)).toBe(true);
    expect(await readFile(inUse, 'utf8')).toBe(contentOf('k0', 'e1'));
    expect(await held()).toBe(2);
  });

  it('frees what processes held that have ended', async () => {
    const folder = await tempDir();
    const dead = path.join(folder, 'in-use', `${os.hostname()}~${process.pid}~1`, 'x', 'k0');
    await mkdir(path.dirname(dead), { recursive: true });
    await writeFile(dead, 'held');
    const { open } = cachesOf(folder, 1e6);
    await open();
    expect(existsSync(dead)).toBe(false);
  });

  it('fetches anew what a crash cut short, and refuses what comes in another size', async () => {
    const folder = await tempDir();
    const { open, copy, filled } = cachesOf(folder, 1e6);
    const first = await open();
    await copy(first, 'k');
    await first.close();
    const [name = ''] = await readdir(path.join(folder, 'objects'));
    await truncate(path.join(folder, 'objects', name), 10);
    const cache = await open();
    expect(await readFile(await copy(cache, 'k'), 'utf8')).toBe(contentOf('k', 'e1'));
    expect(filled).toEqual(['k', 'k']);
    await expect(cache.copyOf(version('short', 'e'), (file) => writeFile(file, 'too little'))).rejects.toMatchObject({
      code: 'KS_STORE',
      message: expect.stringContaining('10 bytes instead of 1000'),
    });
    expect((await readdir(path.join(folder, 'objects'))).length).toBe(1);
    expect(await readdir(await cache.stagingDir())).toEqual([]);
  });

  it('takes in what was made here, so that it need not be fetched', async () => {
    const { open, copy, filled } = cachesOf(await tempDir(), 1e6);
    const cache = await open();
    const made = path.join(await cache.stagingDir(), 'made');
    await writeFile(made, contentOf('k', 'e1'));
    await cache.adopt(version('k', 'e1'), made);
    expect(existsSync(made)).toBe(false);
    expect(await readFile(await copy(cache, 'k'), 'utf8')).toBe(contentOf('k', 'e1'));
    expect(filled).toEqual([]);
  });

  it('works without any room', async () => {
    const { open, copy } = cachesOf(await tempDir(), 0);
    const cache = await open();
    for (const key of ['a', 'b', 'a']) expect(await readFile(await copy(cache, key), 'utf8')).toBe(contentOf(key, 'e1'));
  });

  it('says which folder it cannot use', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'file'), '');
    await expect(cachesOf(path.join(dir, 'file', 'cache'), 1e6).open()).rejects.toMatchObject({
      code: 'KS_STORE',
      hint: expect.stringContaining('store.s3.cache'),
    });
  });
});

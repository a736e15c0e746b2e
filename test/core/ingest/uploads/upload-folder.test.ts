import { randomBytes } from 'node:crypto';
import { appendFile, link, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openUploadFolder, type ClaimedUpload, type UploadFolder } from '../../../../src/core/ingest/uploads/upload-folder.js';
import { tempDir } from '../../../support/temp-dir.js';

const open = (dir: string): Promise<UploadFolder> => openUploadFolder(dir, (length) => randomBytes(length));

const claimOnly = async (folder: UploadFolder): Promise<ClaimedUpload> => {
  const { uploads } = await folder.scan();
  const claimed = uploads[0] && (await folder.claim(uploads[0]));
  if (!claimed) throw new Error('nothing to claim');
  return claimed;
};

/** Every file below `dir`, relative. */
async function filesBelow(dir: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await readdir(dir, { recursive: true })) {
    if ((await stat(path.join(dir, entry))).isFile()) found.push(entry);
  }
  return found.toSorted();
}

/** As a process that was killed leaves its claims: under a name that no process has. */
async function dieHolding(dir: string): Promise<void> {
  const [owner = ''] = await readdir(path.join(dir, '.processing'));
  await rename(path.join(dir, '.processing', owner), path.join(dir, '.processing', `${os.hostname()}~4194303~1`));
}

describe('a folder of uploads', () => {
  it('gives a file to one of many watchers that want it at once', async () => {
    const dir = await tempDir();
    for (let n = 0; n < 20; n++) await writeFile(path.join(dir, `orders-${n}.csv`), `a\n${n}\n`);
    const folders = await Promise.all(Array.from({ length: 5 }, () => open(dir)));
    const claims = await Promise.all(
      folders.map(async (folder) => {
        const mine: string[] = [];
        for (const upload of (await folder.scan()).uploads) {
          const claimed = await folder.claim(upload);
          if (!claimed) continue;
          mine.push(claimed.name);
          await folder.conclude(claimed, 'done', () => '{}\n');
        }
        return mine;
      }),
    );
    const all = claims.flat();
    expect(all.toSorted()).toEqual(Array.from({ length: 20 }, (_, n) => `orders-${n}.csv`).toSorted());
    expect((await filesBelow(dir)).length).toBe(40);
    expect(await readdir(dir)).toEqual(['done']);
  });

  it('never overwrites: a second file of a name, and one whose report alone is there, get a number', async () => {
    const dir = await tempDir();
    await mkdir(path.join(dir, 'done'));
    await writeFile(path.join(dir, 'done', 'orders.csv'), 'first');
    await writeFile(path.join(dir, 'done', 'orders~2.csv.report.json'), 'old');
    await writeFile(path.join(dir, 'orders.csv'), 'second');
    const folder = await open(dir);
    expect(await folder.conclude(await claimOnly(folder), 'done', (movedTo) => movedTo)).toBe('done/orders~3.csv');
    expect(await readFile(path.join(dir, 'done', 'orders.csv'), 'utf8')).toBe('first');
    expect(await readFile(path.join(dir, 'done', 'orders~3.csv'), 'utf8')).toBe('second');
    expect(await readFile(path.join(dir, 'done', 'orders~3.csv.report.json'), 'utf8')).toBe('done/orders~3.csv');
  });

  it('gives back no file that changed between look and claim', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'orders.csv'), 'a\n');
    const folder = await open(dir);
    const [upload] = (await folder.scan()).uploads;
    await appendFile(path.join(dir, 'orders.csv'), 'b\n');
    expect(upload && (await folder.claim(upload))).toBeNull();
    expect(await filesBelow(dir)).toEqual(['orders.csv']);
  });

  it('sees that a claimed file is still written to', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'orders.csv'), 'a\n');
    const folder = await open(dir);
    const claimed = await claimOnly(folder);
    expect(await folder.hasChanged(claimed)).toBe(false);
    await appendFile(claimed.path, 'b\n');
    expect(await folder.hasChanged(claimed)).toBe(true);
  });

  it('puts a file back beside a new one of its name', async () => {
    const dir = await tempDir();
    await mkdir(path.join(dir, 'orders'));
    await writeFile(path.join(dir, 'orders', 'x.csv'), 'old');
    const folder = await open(dir);
    const claimed = await claimOnly(folder);
    await writeFile(path.join(dir, 'orders', 'x.csv'), 'new');
    expect(await folder.putBack(claimed)).toBe('orders/x~2.csv');
    expect(await readFile(path.join(dir, 'orders', 'x.csv'), 'utf8')).toBe('new');
    expect(await readFile(path.join(dir, 'orders', 'x~2.csv'), 'utf8')).toBe('old');
  });

  it('hands what a killed watcher held to the next, and to one only', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'orders.csv'), 'a\n');
    await claimOnly(await open(dir));
    const [next, other] = [await open(dir), await open(dir)];
    expect(await next.takeOver()).toEqual([]);
    await dieHolding(dir);
    const taken = (await Promise.all([next.takeOver(), other.takeOver()])).flat();
    expect(taken.map(({ name }) => name)).toEqual(['orders.csv']);
    await next.conclude(taken[0] as ClaimedUpload, 'failed', () => '{}');
    expect(await filesBelow(dir)).toEqual(['failed/orders.csv', 'failed/orders.csv.report.json']);
  });

  it('concludes what a watcher left that was killed between its last two steps', async () => {
    const dir = await tempDir();
    await writeFile(path.join(dir, 'orders.csv'), 'a\n');
    const claimed = await claimOnly(await open(dir));
    await writeFile(path.join(claimed.claim, 'report.json'), 'the report');
    await mkdir(path.join(dir, 'done'));
    await link(claimed.path, path.join(dir, 'done', 'orders.csv'));
    await dieHolding(dir);
    expect(await (await open(dir)).takeOver()).toEqual([]);
    expect(await filesBelow(dir)).toEqual(['done/orders.csv', 'done/orders.csv.report.json']);
    expect(await readFile(path.join(dir, 'done', 'orders.csv.report.json'), 'utf8')).toBe('the report');
    expect(await readdir(dir)).toEqual(['done']);
  });

  it('looks into folders one level deep, the oldest file first, and names what is no upload', async () => {
    const dir = await tempDir();
    for (const folder of ['orders/deep', 'done', 'failed', '.hidden']) await mkdir(path.join(dir, folder), { recursive: true });
    for (const name of ['b.csv', 'notes.txt', 'a.csv.part', 'done/x.csv', '.hidden/x.csv', 'orders/deep/x.csv']) {
      await writeFile(path.join(dir, name), 'x');
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writeFile(path.join(dir, 'orders', 'a.csv'), 'x');
    const { uploads, left } = await (await open(dir)).scan();
    expect(uploads.map(({ name }) => name)).toEqual(['b.csv', 'orders/a.csv']);
    expect(left.map(({ name }) => name)).toEqual(['notes.txt']);
  });

  it('is refused when it is none', async () => {
    await expect(open('/nowhere/at/all')).rejects.toMatchObject({ code: 'KS_NOT_FOUND', hint: 'mkdir -p /nowhere/at/all' });
  });
});

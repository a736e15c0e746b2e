import { appendFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { spoolFiles } from '../../../src/core/spool/spool-files.js';
import { openSlot, type SpoolSlot, type SpoolWindow } from '../../../src/core/spool/spool-slot.js';
import type { NewRecord } from '../../../src/core/log/event-log.js';
import type { BatchName } from '../../../src/core/log/named-appends.js';
import { textOf } from '../../support/named-log.js';
import { tempDir } from '../../support/temp-dir.js';

const FILE_BYTES = 2000;
const record = (text: string, partition = 0): NewRecord => ({
  partition,
  key: text.length % 2 === 0 ? null : Buffer.from('k'),
  value: Buffer.from(text),
  headers: [
    { key: 'b', value: Buffer.from(text) },
    { key: 'a', value: Buffer.alloc(0) },
  ],
});
const named = (firstSequence: number): BatchName => ({ producerId: '7', producerEpoch: 0, firstSequence, notBefore: 3 });

async function reopened(folder: string): Promise<SpoolSlot> {
  await mkdir(folder, { recursive: true });
  const slot = await openSlot(folder, 'slot-0', FILE_BYTES);
  onTestFinished(() => slot.close());
  return slot;
}
/** What is compared byte for byte. */
const plain = ({ partition, key, value, headers }: NewRecord): unknown => ({
  partition,
  key: key && [...key],
  value: value && [...value],
  headers: headers.map((header) => [header.key, [...header.value]]),
});
const append = (slot: SpoolSlot, texts: readonly string[], atMs = 5): Promise<void> =>
  slot.append({ atMs, runs: [{ partition: 0, records: texts.map((text) => record(text)), name: null }] });
const texts = (window: SpoolWindow | null): string[] => window?.records.map(textOf) ?? [];

async function drainAll(slot: SpoolSlot): Promise<string[]> {
  const found: string[] = [];
  for (let window = await slot.next(500); window; window = await slot.next(500)) {
    found.push(...texts(window));
    await slot.done(window);
  }
  return found;
}

const lastFile = async (folder: string): Promise<string> =>
  path.join(folder, `${String((await spoolFiles(folder)).at(-1)).padStart(10, '0')}.spool`);

describe('a slot of the spool', () => {
  it('gives records back byte for byte and in order, over many files, and its room to the disk', async () => {
    const folder = await tempDir();
    const slot = await reopened(folder);
    const all = Array.from({ length: 100 }, (_, n) => `event-${n}-${'x'.repeat(n)}`);
    for (const text of all) await append(slot, [text]);
    expect((await spoolFiles(folder)).length).toBeGreaterThan(4);
    expect(slot.counts()).toMatchObject({ events: 100, oldestMs: 5 });
    const window = await slot.next(500);
    expect(plain(window!.records[0]!)).toEqual(plain(record(all[0]!)));
    expect(await drainAll(slot)).toEqual(all);
    expect(slot.counts()).toEqual({ events: 0, bytes: 0, diskBytes: 0, oldestMs: null });
    expect(await spoolFiles(folder)).toEqual([]);
    await append(slot, ['after']);
    expect(await drainAll(await afresh(slot, folder))).toEqual(['after']);
  });

  it('goes on after a crash where it was, with what was named under its names', async () => {
    const folder = await tempDir();
    const slot = await reopened(folder);
    for (let n = 0; n < 40; n++) await append(slot, [`event-${n}`, `other-${n}`]);
    await slot.done((await slot.next(300))!);
    const window = (await slot.next(300))!;
    const batches = [
      { partition: 0, records: window.records.slice(0, 3), name: named(0) },
      { partition: 0, records: window.records.slice(3), name: named(3) },
    ];
    await slot.named(window, batches, 9);
    const next = await afresh(slot, folder);
    const again = (await next.next(1_000_000))!;
    expect(again).toMatchObject({ from: window.from, to: window.to, namedAtMs: 9, isInherited: true });
    expect(again.batches!.map(({ name, records }) => ({ name, records: records.map(plain) }))).toEqual(
      batches.map(({ name, records }) => ({ name, records: records.map(plain) })),
    );
    await next.done(again);
    expect((await next.next(1_000_000))!.batches).toBeNull();
  });

  it('keeps names that came with the records in a window of their own', async () => {
    const folder = await tempDir();
    const slot = await reopened(folder);
    await slot.append({
      atMs: 1,
      runs: [
        { partition: 1, records: [record('a', 1), record('b', 1)], name: named(4) },
        { partition: 2, records: [record('c', 2)], name: named(0) },
      ],
    });
    await append(slot, ['d']);
    const window = (await slot.next(1_000_000))!;
    expect(texts(window)).toEqual(['a', 'b', 'c']);
    expect(window.batches!.map(({ partition, name }) => [partition, name])).toEqual([
      [1, named(4)],
      [2, named(0)],
    ]);
    await slot.done(window);
    expect((await slot.next(1_000_000))!.batches).toBeNull();
  });

  it('is whole after a crash tore its end, wherever that was, and goes on behind it', async () => {
    const folder = await tempDir();
    const slot = await reopened(folder);
    await append(slot, ['a', 'b']);
    const whole = (await readFile(await lastFile(folder))).length;
    await append(slot, ['torn']);
    const file = await lastFile(folder);
    const bytes = await readFile(file);
    await slot.close();
    for (let length = whole; length < bytes.length; length += 7) {
      const copy = path.join(await tempDir(), 'slot');
      await mkdir(copy);
      await writeFile(path.join(copy, path.basename(file)), bytes.subarray(0, length));
      const torn = await reopened(copy);
      expect(torn.counts().events).toBe(2);
      await append(torn, ['c']);
      const next = await afresh(torn, copy);
      expect(await drainAll(next)).toEqual(['a', 'b', 'c']);
    }
  });

  it('takes a torn line of its journal for none, and writes on behind the whole ones', async () => {
    const folder = await tempDir();
    const slot = await reopened(folder);
    for (const text of 'abcdef') await append(slot, [text]);
    await slot.done((await slot.next(1))!);
    await slot.close();
    await appendFile(path.join(folder, 'journal'), '0badc0de {"kind":"done","to":{"file":99,');
    const next = await reopened(folder);
    await next.done((await next.next(1))!);
    expect(await drainAll(await afresh(next, folder))).toEqual(['c', 'd', 'e', 'f']);
  });

  it('tells damage from a torn end, and gives out nothing behind it', async () => {
    const folder = await tempDir();
    const slot = await reopened(folder);
    for (const text of ['aaaa', 'bbbb', 'cccc']) await append(slot, [text]);
    await slot.close();
    const file = await lastFile(folder);
    const bytes = await readFile(file);
    bytes.writeUInt8(bytes[bytes.indexOf('bbbb')]! ^ 1, bytes.indexOf('bbbb'));
    await writeFile(file, bytes);
    await expect(openSlot(folder, 'slot-0')).rejects.toMatchObject({
      code: 'KS_LOG',
      message: expect.stringMatching(/is damaged at byte \d+/) as string,
    });
    await truncate(file, bytes.indexOf('KSF1', 1));
    expect(await drainAll(await reopened(folder))).toEqual(['aaaa']);
  });
});

/** As another process finds it. */
async function afresh(slot: SpoolSlot, folder: string): Promise<SpoolSlot> {
  await slot.close();
  return reopened(folder);
}

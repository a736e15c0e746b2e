/** What lies behind the last whole frame: damage is told and kept, a torn write is told and put aside, and nothing goes in silence. */
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { NewRecord } from '../../../src/core/log/event-log.js';
import { lookAtSlot } from '../../../src/core/spool/look-at-slot.js';
import { steadyLook } from '../../../src/core/spool/look-at-spool.js';
import { claimSlots } from '../../../src/core/spool/spool-folder.js';
import { encodeFrame } from '../../../src/core/spool/spool-frame.js';
import { openSlot, type SpoolSlot } from '../../../src/core/spool/spool-slot.js';
import { putTailAside, tailAt } from '../../../src/core/spool/spool-tail.js';
import { textOf } from '../../support/named-log.js';
import { tempDir } from '../../support/temp-dir.js';

const record = (text: string): NewRecord => ({ partition: 0, key: null, value: Buffer.from(text), headers: [] });
const frame = (text: string): Buffer => encodeFrame({ atMs: 5, runs: [{ partition: 0, records: [record(text)], name: null }] });
const FIRST = 'first '.repeat(20);
const LAST = 'last '.repeat(20);

/** A slot whose files hold one frame for each of their texts; of the file `which` the last frame is changed. */
async function slotWith(
  files: readonly (readonly string[])[],
  change: (last: Buffer) => Buffer,
  which = files.length - 1,
): Promise<{ readonly spool: string; readonly folder: string; readonly file: string; readonly lastAt: number }> {
  const spool = await tempDir();
  const folder = path.join(spool, 'slot-0');
  await mkdir(folder);
  let changed = { file: '', lastAt: 0 };
  for (const [n, texts] of files.entries()) {
    const file = path.join(folder, `${String(n + 1).padStart(10, '0')}.spool`);
    const frames = texts.map(frame);
    if (n === which) {
      const front = Buffer.concat(frames.slice(0, -1));
      changed = { file, lastAt: front.length };
      await writeFile(file, Buffer.concat([front, change(frames.at(-1)!)]));
    } else await writeFile(file, Buffer.concat(frames));
  }
  return { spool, folder, ...changed };
}

const flipped =
  (at: number, bit = 1) =>
  (last: Buffer): Buffer => {
    const bytes = Buffer.from(last);
    const place = at < 0 ? bytes.length + at : at;
    bytes[place] = bytes[place]! ^ bit;
    return bytes;
  };
const longer =
  (more: number) =>
  (last: Buffer): Buffer => {
    const bytes = Buffer.from(last);
    bytes.writeUInt32LE(bytes.readUInt32LE(4) + more, 4);
    return bytes;
  };

const DAMAGE: readonly (readonly [string, (last: Buffer) => Buffer])[] = [
  ['the last byte', flipped(-1)],
  ['a byte of the payload', flipped(-20)],
  ['the checksum', flipped(9)],
  ['the mark', flipped(0)],
  ['the length, too small', longer(-7)],
  ['the length, too large', longer(7)],
  ['the length, far too large', longer(70_000_000)],
  ['the length of the header', flipped(12)],
  ['the header', flipped(20)],
  ['the mark, and little is left', (last) => flipped(1)(last).subarray(0, 7)],
];
const TORN: readonly (readonly [string, (last: Buffer) => Buffer])[] = [
  ['one byte is there', (last) => last.subarray(0, 1)],
  ['not even a front is there', (last) => last.subarray(0, 11)],
  ['half of the header is there', (last) => last.subarray(0, 40)],
  ['one byte is missing', (last) => last.subarray(0, -1)],
  ['fifty bytes are missing', (last) => last.subarray(0, -50)],
  ['there are zeros, as power loss leaves them', (last) => Buffer.alloc(last.length)],
  ['there are a few zeros', () => Buffer.alloc(5)],
];
/** Files, and which of them is changed. */
const PLACES: readonly (readonly [string, readonly (readonly string[])[], number])[] = [
  ['behind another', [[FIRST, LAST]], 0],
  ['the only one', [[LAST]], 0],
  ['in the first of two files', [[FIRST, LAST], [FIRST]], 0],
  ['in the second of two files', [[FIRST], [FIRST, LAST]], 1],
];

async function opened(folder: string): Promise<SpoolSlot> {
  const slot = await openSlot(folder, 'slot-0');
  onTestFinished(() => slot.close());
  return slot;
}
async function drainAll(slot: SpoolSlot): Promise<string[]> {
  const found: string[] = [];
  for (let window = await slot.next(1000); window; window = await slot.next(1000)) {
    found.push(...window.records.map(textOf));
    await slot.done(window);
  }
  return found;
}
const whole = (files: readonly (readonly string[])[]): number => files.flat().length - 1;
const filesOf = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder)).filter((name) => name.includes('.spool'));

describe.each(PLACES)('the last frame of a file, %s', (_, files, which) => {
  it.each(DAMAGE)('is damaged where it was changed: %s', async (_name, change) => {
    const { spool, folder, file, lastAt } = await slotWith(files, change, which);
    const before = await readFile(file);
    expect(await steadyLook(folder)).toMatchObject({
      events: whole(files),
      isBlocked: true,
      problems: [`the spool file ${file} is damaged at byte ${lastAt}`],
      mend: expect.stringContaining(`${file}.damaged`),
      torn: [],
    });
    const names = await readdir(folder);
    await expect(openSlot(folder, 'slot-0')).rejects.toMatchObject({ code: 'KS_LOG' });
    expect(await readdir(folder)).toEqual(names);
    expect(await readFile(file)).toEqual(before);
    // A server starts all the same, in a slot of its own.
    const claimed = await claimSlots(spool, { own: true });
    onTestFinished(async () => {
      for (const { release } of claimed.slots) await release();
    });
    expect(claimed.slots.map(({ slot }) => slot.name)).toEqual(['slot-1']);
    expect(claimed.problems).toEqual([expect.stringMatching(/is damaged at byte \d+: .*keystone ingest spool drain/)]);
    await claimed.slots[0]!.slot.append({ atMs: 1, runs: [{ partition: 0, records: [record('new')], name: null }] });
    expect(await readFile(file)).toEqual(before);
  });

  it.each(TORN)('is torn where a write was cut: %s', async (_name, change) => {
    const { folder, file, lastAt } = await slotWith(files, change, which);
    const tail = (await readFile(file)).subarray(lastAt);
    expect(await steadyLook(folder)).toMatchObject({
      events: whole(files),
      isBlocked: false,
      problems: [],
      torn: [{ at: lastAt, bytes: tail.length }],
      notes: [expect.stringContaining(`${file} ends in ${tail.length} bytes of a torn write`)],
    });
    const slot = await opened(folder);
    expect(slot.notes).toEqual([`${tail.length} bytes of a torn write at the end of ${file} were put aside in ${file}.torn`]);
    expect((await drainAll(slot)).length).toBe(whole(files));
    expect(await filesOf(folder)).toEqual([`${path.basename(file)}.torn`]);
    expect(await readFile(`${file}.torn`)).toEqual(tail);
    expect(await steadyLook(folder)).toMatchObject({
      events: 0,
      problems: [],
      torn: [],
      notes: [expect.stringContaining(`${file}.torn keeps what a torn write left`)],
    });
  });
});

describe('a damaged file', () => {
  it('can be kept while the rest is sent, and is told as long as it lies there', async () => {
    const { folder, file, lastAt } = await slotWith([[FIRST, LAST], [LAST]], flipped(-1), 0);
    await writeFile(`${file}.damaged`, await readFile(file));
    await truncate(file, lastAt);
    expect(await steadyLook(folder)).toMatchObject({
      events: 2,
      isBlocked: false,
      problems: [expect.stringMatching(/\.damaged is a damaged spool file that was kept/)],
    });
    expect(await drainAll(await opened(folder))).toEqual([FIRST, LAST]);
    expect(await filesOf(folder)).toEqual(['0000000001.spool.damaged']);
    expect((await steadyLook(folder)).problems).toHaveLength(1);
  });

  it('is one that is shorter than what of it was drained', async () => {
    const { folder, file } = await slotWith([[FIRST, LAST, FIRST]], (last) => last);
    const slot = await opened(folder);
    await slot.done((await slot.next(1))!);
    await slot.close();
    await truncate(file, 30);
    expect(await lookAtSlot(folder)).toMatchObject({
      isBlocked: true,
      problems: [`the spool file ${file} is damaged at byte 30`],
      mend: expect.stringContaining(`mv ${file} ${file}.damaged`),
    });
    await expect(openSlot(folder, 'slot-0')).rejects.toMatchObject({ code: 'KS_LOG' });
  });
});

describe('a torn end', () => {
  it('is kept beside those of other times, and once when a crash came between copy and cut', async () => {
    const { folder, file, lastAt } = await slotWith([[FIRST, LAST]], (last) => last.subarray(0, -1));
    const before = await readFile(file);
    const none = async (): Promise<boolean> => false;
    expect(await putTailAside(file, lastAt, none)).toMatchObject({ isAside: true });
    await writeFile(file, before);
    expect(await putTailAside(file, lastAt, none)).toMatchObject({ isAside: true });
    expect(await filesOf(folder)).toEqual(['0000000001.spool', '0000000001.spool.torn']);
    await writeFile(file, before.subarray(0, -10));
    await putTailAside(file, lastAt, none);
    expect(await filesOf(folder)).toEqual(['0000000001.spool', '0000000001.spool.torn', '0000000001.spool.torn-2']);
  });

  it('stays with its whole file where there is no room for a copy', async () => {
    const { folder, file } = await slotWith([[FIRST, LAST]], (last) => last.subarray(0, -1));
    const before = await readFile(file);
    // What stands in the way of the copy is a full disk, whoever runs the test.
    await mkdir(`${file}.torn.tmp`);
    const slot = await opened(folder);
    expect(slot.notes).toEqual([expect.stringMatching(/could not be put aside \(EISDIR/)]);
    expect(await drainAll(slot)).toEqual([FIRST]);
    expect(await readFile(`${file}.torn`)).toEqual(before);
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is never called damage, wherever a write stops', () => {
    const bytes = Buffer.concat([frame(FIRST), frame(LAST)]);
    const at = frame(FIRST).length;
    expect(tailAt(bytes.subarray(0, at), at)).toEqual({ kind: 'none' });
    for (let end = at + 1; end < bytes.length; end++)
      expect(tailAt(bytes.subarray(0, end), at), `cut at ${end}`).toEqual({ kind: 'torn', bytes: end - at });
  });

  it('is not told of a frame that is being written', async () => {
    const { folder, file } = await slotWith([[FIRST, LAST]], (last) => last.subarray(0, -1));
    const looking = steadyLook(folder);
    await writeFile(file, Buffer.concat([frame(FIRST), frame(LAST)]));
    expect(await looking).toMatchObject({ events: 2, torn: [], notes: [] });
  });
});

/** What an onlooker sees of a slot, while and after somebody works in it. */
import { appendFile, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { lookAtSlot, type SentAs, type SlotLook } from '../../../src/core/spool/look-at-slot.js';
import { findSlots, steadyLook } from '../../../src/core/spool/look-at-spool.js';
import { decodeFrame } from '../../../src/core/spool/spool-frame.js';
import { openSlot, type SpoolSlot } from '../../../src/core/spool/spool-slot.js';
import type { NewRecord } from '../../../src/core/log/event-log.js';
import type { BatchName } from '../../../src/core/log/named-appends.js';
import { textOf } from '../../support/named-log.js';
import { tempDir } from '../../support/temp-dir.js';

const record = (text: string, partition = 0): NewRecord => ({ partition, key: null, value: Buffer.from(text), headers: [] });
const named = (firstSequence: number): BatchName => ({ producerId: '7', producerEpoch: 0, firstSequence, notBefore: 3 });

async function slotAt(folder: string, fileBytes = 2000): Promise<SpoolSlot> {
  await mkdir(folder, { recursive: true });
  const slot = await openSlot(folder, 'slot-0', fileBytes);
  onTestFinished(() => slot.close());
  return slot;
}
const put = (slot: SpoolSlot, texts: readonly string[], atMs = 5, partition = 0): Promise<void> =>
  slot.append({ atMs, runs: [{ partition, records: texts.map((text) => record(text, partition)), name: null }] });

interface Seen {
  readonly text: string;
  readonly sent: SentAs | null;
}
async function lookClosely(folder: string): Promise<SlotLook & { readonly seen: readonly Seen[] }> {
  const seen: Seen[] = [];
  const look = await lookAtSlot(folder, ({ bytes, sentAs }) => {
    decodeFrame(bytes).runs.forEach((run, r) =>
      run.records.forEach((one, index) => seen.push({ text: textOf(one), sent: sentAs(r, index) })),
    );
  });
  return { ...look, seen };
}

describe('a look at a slot', () => {
  it('counts what waits while its owner writes and drains, and leaves no trace', async () => {
    const folder = await tempDir();
    const slot = await slotAt(folder);
    for (let n = 0; n < 60; n++) await put(slot, [`event-${n}`], 100 + n);
    expect(await lookAtSlot(folder)).toMatchObject({ events: 60, oldestMs: 100, front: { file: 1, at: 0 }, problems: [] });
    await slot.done((await slot.next(600))!);
    const { events } = slot.counts();
    expect(events).toBeLessThan(60);
    const before = await readdir(folder);
    const { bytes, front, ...look } = await lookAtSlot(folder);
    expect(look).toEqual({
      events,
      oldestMs: 160 - events,
      inDoubt: [],
      isBlocked: false,
      problems: [],
      mend: null,
      torn: [],
      notes: [],
    });
    expect([bytes, front?.at]).toEqual([slot.counts().bytes, expect.any(Number)]);
    expect(await readdir(folder)).toEqual(before);
    for (let window = await slot.next(600); window; window = await slot.next(600)) await slot.done(window);
    expect(await lookAtSlot(folder)).toMatchObject({ events: 0, bytes: 0, oldestMs: null, front: null });
  });

  it('finds nothing wrong and misses nothing while its owner is at it', async () => {
    const folder = await tempDir();
    const slot = await slotAt(folder);
    const total = 400;
    let put = 0;
    let drained = 0;
    const work = async (): Promise<void> => {
      for (; put < total; put++) {
        await slot.append({
          atMs: 1,
          runs: [{ partition: 0, records: [record(`event-${put}-${'x'.repeat(put % 200)}`)], name: null }],
        });
        if (put % 3 !== 0) continue;
        const window = (await slot.next(300))!;
        await slot.named(window, [{ partition: 0, records: window.records, name: named(drained) }], 1);
        await slot.done(window);
        drained += window.events;
      }
    };
    let isOver = false;
    const working = work().finally(() => (isOver = true));
    let looks = 0;
    while (!isOver) {
      const [least, most] = [put - drained, total];
      const before = drained;
      const look = await steadyLook(folder);
      // What was drained meanwhile may be missing, and nothing else.
      expect(look.problems).toEqual([]);
      expect(look.events).toBeGreaterThanOrEqual(least - (drained - before) - 50);
      expect(look.events).toBeLessThanOrEqual(most);
      looks += 1;
    }
    await working;
    expect(looks).toBeGreaterThan(5);
    expect((await steadyLook(folder)).events).toBe(slot.counts().events);
  });

  it('tells which events were sent and as what, by the journal and by the frames', async () => {
    const folder = await tempDir();
    const slot = await slotAt(folder);
    await slot.append({
      atMs: 1,
      runs: [
        { partition: 1, records: [record('a', 1), record('b', 1)], name: named(4) },
        { partition: 2, records: [record('c', 2)], name: named(0) },
      ],
    });
    await put(slot, ['d', 'e', 'f']);
    await put(slot, ['g'], 5, 1);
    const own = await lookClosely(folder);
    expect(own.inDoubt).toMatchObject([
      { partition: 1, count: 2, name: named(4) },
      { partition: 2, count: 1 },
    ]);
    expect(own.seen.map(({ text, sent }) => [text, sent?.batch.name.firstSequence, sent?.index])).toEqual([
      ['a', 4, 0],
      ['b', 4, 1],
      ['c', 0, 0],
      ...['d', 'e', 'f', 'g'].map((text) => [text, undefined, undefined]),
    ]);
    await slot.done((await slot.next(1_000_000))!);
    const window = (await slot.next(1_000_000))!;
    const batch = (texts: readonly string[], firstSequence: number, partition = 0) => ({
      partition,
      records: texts.map((text) => record(text, partition)),
      name: named(firstSequence),
    });
    await slot.named(window, [batch(['d', 'e'], 10), batch(['g'], 20, 1), batch(['f'], 12)], 9);
    await put(slot, ['h']);
    const journalled = await lookClosely(folder);
    expect(journalled.inDoubt.map(({ count }) => count)).toEqual([2, 1, 1]);
    expect(journalled.seen.map(({ text, sent }) => [text, sent?.batch.name.firstSequence, sent?.index])).toEqual([
      ['d', 10, 0],
      ['e', 10, 1],
      ['f', 12, 0],
      ['g', 20, 0],
      ['h', undefined, undefined],
    ]);
  });

  it('takes a torn end for no event, wherever it is torn', async () => {
    const folder = await tempDir();
    const slot = await slotAt(folder, 1_000_000);
    await put(slot, ['a', 'b']);
    const file = path.join(folder, '0000000001.spool');
    const whole = (await readFile(file)).length;
    await put(slot, ['torn']);
    for (let length = (await readFile(file)).length - 1; length > whole; length -= 5) {
      await truncate(file, length);
      expect(await lookAtSlot(folder), `cut to ${length}`).toMatchObject({ events: 2, isBlocked: false, problems: [] });
    }
    await appendFile(path.join(folder, 'journal'), '01234567 {"kind":"do');
    expect(await lookAtSlot(folder)).toMatchObject({ events: 2, problems: [] });
  });

  it('names damage to a file, a file that is gone, and a broken journal, and counts what is whole', async () => {
    const folder = await tempDir();
    const slot = await slotAt(folder);
    for (let n = 0; n < 60; n++) await put(slot, [`event-${n}`]);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.spool'));
    expect(files.length).toBeGreaterThan(2);
    const first = path.join(folder, '0000000001.spool');
    const bytes = await readFile(first);
    bytes.write('?', bytes.indexOf('event-3'));
    await writeFile(first, bytes);
    expect(await steadyLook(folder)).toMatchObject({
      events: 59,
      isBlocked: true,
      problems: [expect.stringMatching(/0000000001\.spool is damaged at byte \d+$/)],
    });
    bytes.write('e', bytes.indexOf('?vent-3'));
    await writeFile(first, bytes);
    await rm(path.join(folder, '0000000002.spool'));
    const gone = await steadyLook(folder);
    expect(gone.problems).toEqual([expect.stringMatching(/0000000002\.spool is missing/)]);
    expect([gone.isBlocked, gone.events < 60]).toEqual([false, true]);
  });

  it('names a journal that is broken in front of whole lines', async () => {
    const folder = await tempDir();
    const slot = await slotAt(folder);
    for (let n = 0; n < 60; n++) await put(slot, [`event-${n}`]);
    for (let n = 0; n < 2; n++) await slot.done((await slot.next(300))!);
    const journal = path.join(folder, 'journal');
    const text = await readFile(journal, 'latin1');
    await writeFile(journal, text.replace('done', 'dome'));
    expect(await steadyLook(folder)).toMatchObject({ isBlocked: false, problems: [expect.stringMatching(/journal is damaged/)] });
  });
});

describe('the slots of a profile', () => {
  it('are found for every topic, and a folder that cannot be read is named', async () => {
    const spool = await tempDir();
    expect(await findSlots(spool, 'prod')).toMatchObject({ isThere: false, slots: [], unreadable: [] });
    await slotAt(path.join(spool, 'prod/a%2Fb/slot-1'));
    await slotAt(path.join(spool, 'prod/t/slot-0'));
    await writeFile(path.join(spool, 'prod/t/topic.json'), '{}');
    const found = await findSlots(spool, 'prod');
    expect(found.slots.map(({ topic, slot }) => [topic, slot])).toEqual([
      ['a/b', 'slot-1'],
      ['t', 'slot-0'],
    ]);
    // A folder whose name is too long for the disk stands for any that cannot be read, whoever runs the test.
    expect(await findSlots(spool, 'x'.repeat(300))).toMatchObject({
      isThere: true,
      unreadable: [expect.stringMatching(/ENAMETOOLONG/)],
    });
  });
});

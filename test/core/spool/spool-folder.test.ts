import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  claimSlots,
  isHeld,
  readKnownTopic,
  slotNames,
  spoolFolder,
  writeKnownTopic,
  type ClaimedSlots,
} from '../../../src/core/spool/spool-folder.js';
import { tempDir } from '../../support/temp-dir.js';

async function claim(folder: string, own = true): Promise<ClaimedSlots> {
  const claimed = await claimSlots(folder, { own });
  onTestFinished(() => giveBack(claimed));
  return claimed;
}
const giveBack = async ({ slots }: ClaimedSlots): Promise<void> => {
  for (const { release } of slots) await release().catch(() => undefined);
};
const names = ({ slots }: ClaimedSlots): string[] => slots.map(({ slot }) => slot.name);
const put = ({ slots }: ClaimedSlots, text: string): Promise<void> =>
  slots.at(-1)!.slot.append({
    atMs: 1,
    runs: [{ partition: 0, records: [{ partition: 0, key: null, value: Buffer.from(text), headers: [] }], name: null }],
  });

describe('the folder of a spool', () => {
  it('gives each process a slot of its own, and the lowest free one again', async () => {
    const folder = await tempDir();
    const [first, second] = [await claim(folder), await claim(folder)];
    expect([names(first), names(second)]).toEqual([['slot-0'], ['slot-1']]);
    expect([isHeld(folder, 'slot-0'), isHeld(folder, 'slot-1')]).toEqual([true, true]);
    await giveBack(first);
    expect(isHeld(folder, 'slot-0')).toBe(false);
    expect(names(await claim(folder))).toEqual(['slot-0']);
    expect(await slotNames(folder)).toEqual(['slot-0', 'slot-1']);
  });

  it('gives what dead processes left to who comes next, and to nobody else', async () => {
    const folder = await tempDir();
    const all = [await claim(folder), await claim(folder), await claim(folder)];
    for (const each of all) await put(each, 'x');
    await giveBack(all[0]!);
    await giveBack(all[2]!);
    const next = await claim(folder);
    expect(names(next)).toEqual(['slot-0', 'slot-2']);
    expect(next.slots.map(({ slot }) => slot.counts().events)).toEqual([1, 1]);
    expect(names(await claim(folder, false))).toEqual([]);
    expect(names(await claim(folder))).toEqual(['slot-3']);
  });

  it('leaves a damaged slot alone, says so, and gives another', async () => {
    const folder = await tempDir();
    const first = await claim(folder);
    for (const text of ['aaaa', 'bbbb', 'cccc']) await put(first, text);
    await giveBack(first);
    const file = path.join(folder, 'slot-0', '0000000001.spool');
    const bytes = await readFile(file);
    bytes.write('?', bytes.indexOf('bbbb'));
    await writeFile(file, bytes);
    const next = await claim(folder);
    expect(names(next)).toEqual(['slot-1']);
    expect(next.problems).toEqual([expect.stringMatching(/0000000001\.spool is damaged at byte/)]);
    expect(await readFile(file)).toEqual(bytes);
  });

  it('remembers the topic, and keeps profiles and topics apart', async () => {
    const folder = spoolFolder(await tempDir(), 'prod', 'a/b');
    expect(await readKnownTopic(folder)).toBeNull();
    await writeKnownTopic(folder, { partitions: 6, recordBytes: 1000 }, 'host/1/x');
    expect(await readKnownTopic(folder)).toEqual({ partitions: 6, recordBytes: 1000 });
    await writeFile(path.join(folder, 'topic.json'), '{"partitions":0');
    expect(await readKnownTopic(folder)).toBeNull();
    expect(path.basename(folder)).toBe('a%2Fb');
  });
});

/** What every EventLog promises; run against each adapter by its own test. */
import { describe, expect, it } from 'vitest';
import type { EventLog, LogRecord, NewRecord } from '../../../src/core/log/event-log.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | null): string | null => (value === null ? null : new TextDecoder().decode(value));
const record = (value: string, more: Partial<NewRecord> = {}): NewRecord => ({
  key: null,
  value: bytes(value),
  headers: [],
  ...more,
});
const LIMIT = { maxRecords: 1_000_000, maxBytes: 1 << 30 };

/** What is compared byte for byte. */
const plain = (r: NewRecord | LogRecord) => ({
  key: r.key && [...r.key],
  value: r.value && Buffer.from(r.value).toString('hex'),
  headers: r.headers.map((h) => [h.key, [...h.value]]),
});

async function readAll(log: EventLog, topic: string, limit = LIMIT): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  for (const { partition, startOffset, endOffset } of await log.bounds(topic)) {
    for (let at = startOffset; at < endOffset;) {
      const { records, nextOffset } = await log.read(topic, partition, at, limit);
      expect(nextOffset).toBeGreaterThan(at);
      found.push(...records);
      at = nextOffset;
    }
  }
  return found;
}

/** A log to test, and a second way into the same one (another connection, as another process would have). */
export interface OpenedLog {
  readonly log: EventLog;
  readonly again: () => Promise<EventLog>;
}

export function eventLogContract(name: string, open: () => Promise<OpenedLog>): void {
  describe(`EventLog contract: ${name}`, () => {
    it('keeps the order of appends within a partition, and gives consecutive offsets from 0', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 2);
      const first = await log.append('t', [
        record('a', { partition: 1 }),
        record('b', { partition: 0 }),
        record('c', { partition: 1 }),
      ]);
      const second = await log.append('t', [record('d', { partition: 1 })]);
      expect(first).toEqual([
        { partition: 1, offset: 0 },
        { partition: 0, offset: 0 },
        { partition: 1, offset: 1 },
      ]);
      expect(second).toEqual([{ partition: 1, offset: 2 }]);
      const { records, nextOffset } = await log.read('t', 1, 0, LIMIT);
      expect(records.map((r) => [r.topic, r.partition, r.offset, text(r.value)])).toEqual([
        ['t', 1, 0, 'a'],
        ['t', 1, 1, 'c'],
        ['t', 1, 2, 'd'],
      ]);
      expect(nextOffset).toBe(3);
    });

    it('gives keys, values and header values back byte for byte, null as null and empty as empty', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 1);
      const every = Uint8Array.from({ length: 256 }, (_, n) => n);
      const written: NewRecord[] = [
        { key: null, value: null, headers: [] },
        { key: new Uint8Array(0), value: new Uint8Array(0), headers: [{ key: 'h', value: new Uint8Array(0) }] },
        {
          key: every,
          value: every,
          headers: [
            { key: 'h', value: every },
            { key: 'h', value: bytes('twice') },
            { key: 'ü-€', value: bytes('x') },
          ],
        },
        { key: Buffer.from([0xff]), value: Buffer.from('pooled buffer'), headers: [{ key: '', value: Buffer.from([0]) }] },
        { key: every.subarray(10, 20), value: new Uint8Array(300_000).fill(7), headers: [] },
      ];
      await log.append('t', written);
      const { records } = await log.read('t', 0, 0, LIMIT);
      expect(records.map(plain)).toEqual(written.map(plain));
    });

    it('sends one key to one partition, and spreads records without key', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 4);
      const keyed = await log.append(
        't',
        Array.from({ length: 50 }, () => record('v', { key: bytes('order-1') })),
      );
      expect(new Set(keyed.map((p) => p.partition)).size).toBe(1);
      const spread = await log.append(
        't',
        Array.from({ length: 40 }, () => record('v')),
      );
      expect(new Set(spread.map((p) => p.partition)).size).toBe(4);
    });

    it('never returns more than maxRecords, and about maxBytes but at least one record', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 1);
      await log.append(
        't',
        Array.from({ length: 100 }, (_, n) => record(String(n).padStart(1000, '.'))),
      );
      const few = await log.read('t', 0, 5, { maxRecords: 7, maxBytes: 1 << 30 });
      expect(few.records.map((r) => r.offset)).toEqual([5, 6, 7, 8, 9, 10, 11]);
      expect(few.nextOffset).toBe(12);
      const one = await log.read('t', 0, 5, { maxRecords: 7, maxBytes: 1 });
      expect(one.records.map((r) => r.offset)).toEqual([5]);
      const some = await log.read('t', 0, 0, { maxRecords: 100, maxBytes: 10_000 });
      expect(some.records.length).toBeGreaterThan(5);
      expect(some.records.length).toBeLessThan(12);
      expect((await readAll(log, 't', { maxRecords: 3, maxBytes: 1 << 20 })).map((r) => r.offset)).toEqual(
        Array.from({ length: 100 }, (_, n) => n),
      );
      expect((await readAll(log, 't', { maxRecords: 1000, maxBytes: 2500 })).map((r) => r.offset)).toEqual(
        Array.from({ length: 100 }, (_, n) => n),
      );
    });

    it('reads nothing at the end, and goes on from there once more was appended', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 1);
      expect(await log.read('t', 0, 0, LIMIT)).toEqual({ records: [], nextOffset: 0 });
      await log.append('t', [record('a')]);
      expect(await log.read('t', 0, 1, LIMIT)).toEqual({ records: [], nextOffset: 1 });
      await log.append('t', [record('b')]);
      expect((await log.read('t', 0, 1, LIMIT)).records.map((r) => text(r.value))).toEqual(['b']);
    });

    it('tells start and end of every partition; nothing of a topic that does not exist', async () => {
      const { log } = await open();
      expect(await log.bounds('nowhere')).toEqual([]);
      await log.ensureTopic('t', 3);
      await log.append('t', [record('a', { partition: 2 }), record('b', { partition: 2 })]);
      expect(await log.bounds('t')).toEqual([
        { partition: 0, startOffset: 0, endOffset: 0 },
        { partition: 1, startOffset: 0, endOffset: 0 },
        { partition: 2, startOffset: 0, endOffset: 2 },
      ]);
    });

    it('gives a topic an identity of its own that never changes; none to a topic that does not exist', async () => {
      const { log, again } = await open();
      expect(await log.topicId('t')).toBeNull();
      await log.ensureTopic('t', 1);
      await log.ensureTopic('other', 1);
      const id = await log.topicId('t');
      expect(id).toMatch(/./);
      expect(await log.topicId('other')).not.toBe(id);
      await log.ensureTopic('t', 1);
      await log.append('t', [record('a')]);
      expect(await (await again()).topicId('t')).toBe(id);
    });

    it('finds the first offset at or after a time, and the end when there is none', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 1);
      expect(await log.offsetAt('t', 0, 0)).toBe(0);
      for (let n = 0; n < 30; n++) await log.append('t', [record(`a${n}`), record(`b${n}`)]);
      const { records } = await log.read('t', 0, 0, LIMIT);
      for (let n = 1; n < records.length; n++)
        expect(records[n]!.timestampUs).toBeGreaterThanOrEqual(records[n - 1]!.timestampUs);
      for (const { timestampUs } of records) {
        for (const time of [timestampUs - 1, timestampUs, timestampUs + 1]) {
          const expected = records.find((r) => r.timestampUs >= time)?.offset ?? records.length;
          expect(await log.offsetAt('t', 0, time)).toBe(expected);
        }
      }
    });

    it('keeps the partition count of a topic that exists', async () => {
      const { log, again } = await open();
      expect(await log.ensureTopic('t', 3)).toBe(3);
      expect(await log.ensureTopic('t', 8)).toBe(3);
      expect(await (await again()).ensureTopic('t', 8)).toBe(3);
      expect(await log.bounds('t')).toHaveLength(3);
    });

    it('refuses a topic and a partition that do not exist', async () => {
      const { log } = await open();
      await expect(log.append('nowhere', [record('a')])).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
      await expect(log.read('nowhere', 0, 0, LIMIT)).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
      await log.ensureTopic('t', 2);
      await expect(log.append('t', [record('a'), record('b', { partition: 2 })])).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
      await expect(log.read('t', 2, 0, LIMIT)).rejects.toMatchObject({ code: 'KS_NOT_FOUND' });
      expect(await readAll(log, 't')).toEqual([]);
    });

    it('loses and doubles nothing when several append at once, and keeps the order of each', async () => {
      const { log, again } = await open();
      await log.ensureTopic('t', 3);
      const writers = [log, await again(), await again()];
      const positions = await Promise.all(
        writers.flatMap((writer, w) =>
          Array.from({ length: 40 }, (_, n) =>
            writer.append(
              't',
              Array.from({ length: 5 }, (__, i) => record(`${w}:${n}:${i}`, { partition: (w + n) % 3 })),
            ),
          ),
        ),
      );
      const found = await readAll(await again(), 't');
      expect(found).toHaveLength(3 * 40 * 5);
      const valueAt = new Map(found.map((r) => [`${r.partition}/${r.offset}`, text(r.value)]));
      expect(valueAt.size).toBe(found.length);
      positions.forEach((places, at) => {
        const [w, n] = [Math.floor(at / 40), at % 40];
        places.forEach(({ partition, offset }, i) => expect(valueAt.get(`${partition}/${offset}`)).toBe(`${w}:${n}:${i}`));
        expect(places.map((p) => p.offset)).toEqual(places.map((p) => p.offset).toSorted((a, b) => a - b));
      });
    });

    it('shows an append to every other reader as soon as it is answered', async () => {
      const { log, again } = await open();
      await log.ensureTopic('t', 1);
      const other = await again();
      for (let n = 0; n < 20; n++) {
        await log.append('t', [record(String(n))]);
        expect((await other.read('t', 0, n, LIMIT)).records.map((r) => text(r.value))).toEqual([String(n)]);
      }
    });

    it("keeps a group's offsets by topic and partition; the newest commit counts", async () => {
      const { log, again } = await open();
      await log.ensureTopic('t', 2);
      expect(await log.committedOffsets('g', 't')).toEqual(new Map());
      await log.commitOffsets(
        'g',
        't',
        new Map([
          [0, 5],
          [1, 7],
        ]),
      );
      await log.commitOffsets('g', 't', new Map([[1, 9]]));
      await log.commitOffsets('other', 't', new Map([[0, 1]]));
      expect(await (await again()).committedOffsets('g', 't')).toEqual(
        new Map([
          [0, 5],
          [1, 9],
        ]),
      );
      expect(await log.committedOffsets('g', 'nowhere')).toEqual(new Map());
    });

    it('is there again after it was closed', async () => {
      const { log, again } = await open();
      await log.ensureTopic('t', 1);
      await log.append('t', [record('kept', { headers: [{ key: 'h', value: bytes('v') }] })]);
      await log.close();
      await expect(log.append('t', [record('late')])).rejects.toMatchObject({ code: 'KS_LOG' });
      const [found] = await readAll(await again(), 't');
      expect([text(found!.value), text(found!.headers[0]!.value)]).toEqual(['kept', 'v']);
    });

    it('takes an append of nothing, and one of many thousands', async () => {
      const { log } = await open();
      await log.ensureTopic('t', 6);
      expect(await log.append('t', [])).toEqual([]);
      const value = bytes('x'.repeat(400));
      const positions = await log.append(
        't',
        Array.from({ length: 20_000 }, (_, n) => ({
          key: bytes(`k${n}`),
          value,
          headers: [{ key: 'n', value: bytes(String(n)) }],
        })),
      );
      expect(new Set(positions.map((p) => `${p.partition}/${p.offset}`)).size).toBe(20_000);
      const found = await readAll(log, 't');
      expect(new Set(found.map((r) => text(r.headers[0]!.value))).size).toBe(20_000);
    });
  });
}

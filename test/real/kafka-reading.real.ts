/** What Kafka's own clients wrote, read by offset: nothing of it lost, changed, or read twice, and no standing still. */
import { describe, expect, it } from 'vitest';
import type { EventLog, LogRecord } from '../../src/core/log/event-log.js';
import { expireRecords } from './expire-records.js';
import { javaProducers } from './kafka-producers.js';
import { freshTopic, hasKafka, kafkaServer, openLog } from './kafka-server.js';

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('utf8'));

/** From the start to the end; every read must get on. */
async function readOn(
  log: EventLog,
  topic: string,
  maxRecords: number,
): Promise<{ readonly records: LogRecord[]; readonly at: number }> {
  const [bounds] = await log.bounds(topic);
  const records: LogRecord[] = [];
  let at = bounds!.startOffset;
  while (at < bounds!.endOffset) {
    const read = await log.read(topic, 0, at, { maxRecords, maxBytes: 1 << 30 });
    expect(read.nextOffset).toBeGreaterThan(at);
    for (const record of read.records) expect(record.offset).toBeGreaterThanOrEqual(at);
    records.push(...read.records);
    at = read.nextOffset;
  }
  expect(at).toBe(bounds!.endOffset);
  expect(records.map(({ offset }) => offset)).toEqual(
    [...new Set(records.map(({ offset }) => offset))].toSorted((a, b) => a - b),
  );
  return { records, at };
}

describe.skipIf(!hasKafka)('reading what others wrote to Kafka', () => {
  const kafka = kafkaServer({ settings: ['log.cleaner.backoff.ms=100', 'log.cleaner.min.cleanable.ratio=0.001'] });

  it('reads every codec, with headers in their order, times, nulls and empties', async () => {
    const topic = freshTopic('codecs');
    await javaProducers(kafka(), 'codecs', topic);
    const log = await openLog({ brokers: kafka().brokers });
    for (const maxRecords of [1_000_000, 137]) {
      const { records } = await readOn(log, topic, maxRecords);
      expect(records).toHaveLength(2500);
      records.forEach((record, at) => {
        const codec = ['none', 'gzip', 'snappy', 'lz4', 'zstd'][Math.floor(at / 500)]!;
        const n = at % 500;
        const value = n % 7 === 0 ? null : n % 11 === 0 ? '' : `${codec}-${n} `.repeat(n === 13 ? 60_000 : (n % 40) + 1);
        expect([record.offset, text(record.key), text(record.value), record.timestampUs]).toEqual([
          at,
          n % 5 === 0 ? null : `key-${n % 50}`,
          value,
          (1_500_000_000_000 + at) * 1000,
        ]);
        const headers = record.headers.map((header) => [header.key, Buffer.from(header.value).toString('hex')]);
        expect(headers).toEqual([
          ['b', '31'],
          ['a', '00ff'],
          ['b', Buffer.from(codec).toString('hex')],
          ['none', ''],
          ['1', ''],
        ]);
      });
    }
  });

  it('hides aborted transactions and what lies behind an open one, and passes over their markers', async () => {
    const topic = freshTopic('transactions');
    await javaProducers(kafka(), 'transactions', topic);
    const log = await openLog({ brokers: kafka().brokers });
    const expected = Array.from({ length: 60 }, (_, n) => [
      ...(n % 3 === 0 ? [] : Array.from({ length: 5 }, (__, i) => `kept-${n}-${i}`)),
      `plain-${n}`,
    ]).flat();
    for (const maxRecords of [1_000_000, 3, 1]) {
      const { records, at } = await readOn(log, topic, maxRecords);
      expect(records.map(({ value }) => text(value)).toSorted()).toEqual(expected.toSorted());
      expect(await log.read(topic, 0, at, { maxRecords, maxBytes: 1000 })).toEqual({ records: [], nextOffset: at });
    }
  });

  it('gets on through a compacted topic, whose batches have lost records at any place', async () => {
    const topic = freshTopic('compacted');
    await javaProducers(kafka(), 'compacted', topic);
    const log = await openLog({ brokers: kafka().brokers });
    let records: readonly LogRecord[] = [];
    for (let tries = 0; tries < 60; tries++) {
      ({ records } = await readOn(log, topic, 1_000_000));
      if (records.length < 1000) break;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(records.length).toBeLessThan(1000);
    const last = new Map(records.map(({ key, value }) => [text(key), text(value)]));
    for (let key = 0; key < 40; key++) {
      const newest = 2960 + key;
      // Every hundredth is a tombstone, which may be gone already.
      const expected = newest % 100 === 99 ? [undefined, null] : [`value-${newest}`];
      expect(expected).toContain(last.get(`key-${key}`));
    }
    expect((await readOn(log, topic, 7)).records.length).toBeLessThanOrEqual(records.length);
    // From an offset that is no record's, too.
    const [first] = records;
    const [bounds] = await log.bounds(topic);
    if (first!.offset > bounds!.startOffset + 1)
      expect((await log.read(topic, 0, first!.offset - 1, { maxRecords: 1, maxBytes: 1 })).records[0]!.offset).toBe(
        first!.offset,
      );
  });

  it('names events that expired unread instead of passing over them', async () => {
    const topic = freshTopic('expired');
    const log = await openLog({ brokers: kafka().brokers });
    await log.ensureTopic(topic, 1);
    await log.append(
      topic,
      Array.from({ length: 100 }, () => ({ key: null, value: Buffer.from('x'), headers: [] })),
    );
    await expireRecords(kafka(), topic, 0, 60);
    expect(await log.bounds(topic)).toEqual([{ partition: 0, startOffset: 60, endOffset: 100 }]);
    await expect(log.read(topic, 0, 10, { maxRecords: 1, maxBytes: 1 })).rejects.toMatchObject({
      code: 'KS_LOG_TRUNCATED',
      details: { startOffset: 60, fromOffset: 10 },
    });
    expect((await log.read(topic, 0, 60, { maxRecords: 1, maxBytes: 1 })).records[0]!.offset).toBe(60);
    expect(await log.read(topic, 0, 200, { maxRecords: 1, maxBytes: 1 })).toEqual({ records: [], nextOffset: 200 });
  });

  it('tells a topic that was made anew from the one that it was', async () => {
    const topic = freshTopic('anew');
    const log = await openLog({ brokers: kafka().brokers });
    await log.ensureTopic(topic, 1);
    await log.append(topic, [{ key: null, value: Buffer.from('old'), headers: [] }]);
    const before = await log.topicId(topic);
    await kafka().java(
      `import java.util.*; import org.apache.kafka.clients.admin.*;
       public class Drop { public static void main(String[] a) throws Exception {
         try (Admin admin = Admin.create(Map.of("bootstrap.servers", a[0]))) { admin.deleteTopics(List.of(a[1])).all().get(); } } }`,
      [kafka().brokers, topic],
    );
    expect(await log.bounds(topic)).toEqual([]);
    expect(await log.topicId(topic)).toBeNull();
    expect(await log.ensureTopic(topic, 2)).toBe(2);
    expect(await log.topicId(topic)).not.toBe(before);
    // The producer's sequence numbers began with the old topic.
    expect(await log.append(topic, [{ partition: 0, key: null, value: Buffer.from('new'), headers: [] }])).toEqual([
      { partition: 0, offset: 0 },
    ]);
    expect(text((await log.read(topic, 0, 0, { maxRecords: 9, maxBytes: 99 })).records[0]!.value)).toBe('new');
  });
});

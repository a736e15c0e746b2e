/** A log in memory for tests of what stands on the port; the embedded log has its own suite. */
import { randomUUID } from 'node:crypto';
import type { EventLog, LogRecord, NewRecord, RecordPosition } from '../../src/core/log/event-log.js';

export interface MemoryLog extends EventLog {
  /** Everything appended, in append order. */
  readonly appended: LogRecord[];
  /** Sizes of the appends, in records. */
  readonly batches: number[];
  /** The next appends reject with this. */
  failWith: Error | undefined;
  /** Each append waits for this before it resolves. */
  gate: Promise<void> | undefined;
  /** Appends that came to the gate. */
  arrived: number;
}

export function memoryLog(): MemoryLog {
  const topics = new Map<string, LogRecord[][]>();
  const identity = randomUUID();
  let turn = 0;
  const partitionsOf = (topic: string): LogRecord[][] => topics.get(topic) ?? [];
  const place = (record: NewRecord, count: number): number => {
    if (record.partition !== undefined) return record.partition;
    if (record.key === null) return turn++ % count;
    return record.key.reduce((hash, byte) => (hash * 31 + byte) >>> 0, 7) % count;
  };
  const log: MemoryLog = {
    appended: [],
    batches: [],
    failWith: undefined,
    gate: undefined,
    arrived: 0,
    ensureTopic: async (topic, partitions) => {
      if (!topics.has(topic))
        topics.set(
          topic,
          Array.from({ length: partitions }, () => []),
        );
      return partitionsOf(topic).length;
    },
    append: async (topic, records) => {
      const failure = log.failWith;
      log.arrived += 1;
      if (log.gate) await log.gate;
      if (failure) throw failure;
      const partitions = partitionsOf(topic);
      log.batches.push(records.length);
      return records.map((record): RecordPosition => {
        const partition = place(record, partitions.length);
        const held = partitions[partition] ?? [];
        const stored: LogRecord = {
          topic,
          partition,
          offset: held.length,
          timestampUs: 0,
          key: record.key && Buffer.from(record.key),
          value: record.value && Buffer.from(record.value),
          headers: record.headers.map(({ key, value }) => ({ key, value: Buffer.from(value) })),
        };
        held.push(stored);
        log.appended.push(stored);
        return { partition, offset: stored.offset };
      });
    },
    read: async (topic, partition, fromOffset, limit) => {
      const records = (partitionsOf(topic)[partition] ?? []).slice(fromOffset, fromOffset + limit.maxRecords);
      return { records, nextOffset: fromOffset + records.length };
    },
    topicId: async (topic) => (topics.has(topic) ? `${identity}/${topic}` : null),
    bounds: async (topic) =>
      partitionsOf(topic).map((held, partition) => ({ partition, startOffset: 0, endOffset: held.length })),
    offsetAt: async () => 0,
    commitOffsets: async () => undefined,
    committedOffsets: async () => new Map(),
    close: async () => undefined,
  };
  return log;
}

/** A header's text, undefined when the record has none of that name. */
export const headerOf = (record: LogRecord, key: string): string | undefined => {
  const header = record.headers.find((candidate) => candidate.key === key);
  return header && Buffer.from(header.value).toString('utf8');
};

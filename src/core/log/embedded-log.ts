/**
 * The event log on a laptop: a SQLite file (WAL, synchronous=FULL) that several processes append to and read at once.
 *
 *   append → choose partitions → encode chunks ──worker thread──► one transaction, one fsync → positions
 *   read   ◄─ decode views ◄── one transferred buffer ──worker thread── whole chunks
 *
 * Appends that arrive while one is being written share the next transaction, so many small appends cost few fsyncs; each is
 * still all or nothing, since the transaction is.
 */
import { setImmediate as eventLoopTurn } from 'node:timers/promises';
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import { checkOffsetToRead } from './offset-to-read.js';
import type { EventLog, LogRecord, NewRecord, RecordPosition } from './event-log.js';
import type { NewChunk, TopicInfo } from './embedded-log-file.js';
import { startLogThread } from './log-thread.js';
import { partitionChooser } from './partition-choice.js';
import { CHUNK_BYTES, decodeChunk, encodeChunk, recordBytes } from './record-chunk.js';

/** Bytes of records that share one transaction; one append that is larger has a transaction of its own. */
const GROUP_BYTES = 16 * 1024 * 1024;

interface Topic extends TopicInfo {
  readonly choosePartition: (record: NewRecord) => number;
}

interface PendingAppend {
  readonly topicId: number;
  readonly records: readonly NewRecord[];
  readonly partitions: readonly number[];
  readonly bytes: number;
  readonly resolve: (positions: readonly RecordPosition[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Opens or creates the log (and its folder). Every failure is KS_LOG; an unknown topic or partition is KS_NOT_FOUND. */
export async function openEmbeddedLog(options: { readonly path: string; readonly clock: Clock }): Promise<EventLog> {
  const { path, clock } = options;
  const thread = startLogThread(path);
  const topics = new Map<string, Topic>();
  const pending: PendingAppend[] = [];
  let writing = false;
  let written: Promise<void> = Promise.resolve();

  const remember = (name: string, info: TopicInfo): Topic => {
    // Short-lived processes start their round-robin at different partitions.
    const topic = { ...info, choosePartition: partitionChooser(info.partitions, Math.floor(clock.nowMs())) };
    topics.set(name, topic);
    return topic;
  };
  const lookUp = async (name: string): Promise<Topic | null> => {
    const known = topics.get(name);
    if (known) return known;
    const info = await thread.call('topic', [name]);
    return info && (topics.get(name) ?? remember(name, info));
  };
  const need = async (name: string): Promise<Topic> => {
    const topic = await lookUp(name);
    if (topic) return topic;
    throw new KeystoneError('KS_NOT_FOUND', `Topic ${name} does not exist in the event log ${path}`, {
      hint: 'Send events first (keystone ingest csv, keystone ingest serve), or name another topic.',
    });
  };
  /** Writes what is pending, group after group, until nothing is. `writing` falls in the same step that sees nothing left. */
  const drain = async (): Promise<void> => {
    writing = true;
    while (pending.length > 0) {
      // Appends of the same turn of the event loop go together.
      await eventLoopTurn();
      const group = pending.splice(0, groupSize(pending));
      try {
        const { chunks, positionsOf } = chunkUp(group);
        const buffers = chunks.map(({ body }) => body.buffer as ArrayBuffer);
        const bases = await thread.call('append', [Math.floor(clock.nowMs() * 1000), chunks], buffers);
        group.forEach((append, n) => append.resolve(positionsOf(n, bases)));
      } catch (error) {
        for (const append of group) append.reject(error);
      }
    }
    writing = false;
  };

  return {
    ensureTopic: async (name, partitions) => {
      if (!Number.isInteger(partitions) || partitions < 1)
        throw new KeystoneError('KS_USAGE', `Topic ${name} can't have ${partitions} partitions`);
      const known = topics.get(name) ?? remember(name, await thread.call('ensureTopic', [name, partitions]));
      return known.partitions;
    },
    append: async (name, records) => {
      const topic = await need(name);
      if (records.length === 0) return [];
      let bytes = 0;
      const partitions = records.map((record) => {
        bytes += recordBytes(record);
        const partition = topic.choosePartition(record);
        needPartition(name, topic, partition);
        return partition;
      });
      return new Promise((resolve, reject) => {
        pending.push({ topicId: topic.topicId, records, partitions, bytes, resolve, reject });
        if (!writing) written = drain();
      });
    },
    read: async (name, partition, fromOffset, { maxRecords, maxBytes }) => {
      const topic = await need(name);
      needPartition(name, topic, partition);
      checkOffsetToRead(name, partition, fromOffset);
      if (maxRecords < 1) return { records: [], nextOffset: fromOffset };
      const wanted = Math.min(maxRecords, Number.MAX_SAFE_INTEGER);
      const { buffer, places } = await thread.call('read', [topic.topicId, partition, fromOffset, wanted, maxBytes]);
      const records: LogRecord[] = [];
      const budget = { records: maxRecords, bytes: maxBytes };
      try {
        for (const place of places)
          if (!decodeChunk(buffer, place, { topic: name, partition, fromOffset }, budget, records)) break;
      } catch (error) {
        throw new KeystoneError('KS_LOG', `The event log ${path} is damaged in ${name}/${partition}`, {
          hint: 'Restore it from a backup.',
          cause: error,
        });
      }
      return { records, nextOffset: (records.at(-1)?.offset ?? fromOffset - 1) + 1 };
    },
    topicId: async (name) => (await lookUp(name))?.identity ?? null,
    bounds: async (name) => {
      const topic = await lookUp(name);
      return topic ? thread.call('bounds', [topic.topicId, topic.partitions]) : [];
    },
    offsetAt: async (name, partition, timestampUs) => {
      const topic = await need(name);
      needPartition(name, topic, partition);
      return thread.call('offsetAt', [topic.topicId, partition, timestampUs]);
    },
    commitOffsets: async (group, name, nextOffsets) => {
      const topic = await need(name);
      for (const partition of nextOffsets.keys()) needPartition(name, topic, partition);
      await thread.call('commitOffsets', [group, topic.topicId, [...nextOffsets]]);
    },
    committedOffsets: async (group, name) => {
      const topic = await lookUp(name);
      return new Map(topic ? await thread.call('committedOffsets', [group, topic.topicId]) : []);
    },
    close: async () => {
      await written;
      await thread.close();
    },
  };
}

function needPartition(name: string, topic: TopicInfo, partition: number): void {
  if (Number.isInteger(partition) && partition >= 0 && partition < topic.partitions) return;
  throw new KeystoneError('KS_NOT_FOUND', `Topic ${name} has no partition ${partition}: it has 0 to ${topic.partitions - 1}`);
}

/** How many of the pending appends go into the next transaction: at least one. */
function groupSize(pending: readonly PendingAppend[]): number {
  let bytes = 0;
  const tooMany = pending.findIndex((append, n) => (bytes += append.bytes) > GROUP_BYTES && n > 0);
  return tooMany === -1 ? pending.length : tooMany;
}

/** The appends' records as chunks by topic and partition, in append order, and the way back from chunks to positions. */
function chunkUp(group: readonly PendingAppend[]): {
  readonly chunks: readonly NewChunk[];
  readonly positionsOf: (append: number, bases: readonly number[]) => readonly RecordPosition[];
} {
  interface OpenChunk {
    readonly topicId: number;
    readonly partition: number;
    readonly index: number;
    readonly records: NewRecord[];
    bytes: number;
  }
  const all: OpenChunk[] = [];
  const open = new Map<string, OpenChunk>();
  const places = group.map(({ topicId, records, partitions }) =>
    records.map((record, n) => {
      const partition = partitions[n]!;
      const id = `${topicId}/${partition}`;
      const bytes = recordBytes(record);
      let chunk = open.get(id);
      if (!chunk || chunk.bytes + bytes > CHUNK_BYTES) {
        chunk = { topicId, partition, index: all.length, records: [], bytes: 0 };
        all.push(chunk);
        open.set(id, chunk);
      }
      chunk.bytes += bytes;
      chunk.records.push(record);
      return { partition, chunk: chunk.index, within: chunk.records.length - 1 };
    }),
  );
  return {
    chunks: all.map(({ topicId, partition, records }) => ({
      topicId,
      partition,
      recordCount: records.length,
      body: encodeChunk(records),
    })),
    positionsOf: (append, bases) =>
      places[append]!.map(({ partition, chunk, within }) => ({ partition, offset: bases[chunk]! + within })),
  };
}

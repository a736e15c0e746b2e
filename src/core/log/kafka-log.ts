/**
 * The event log on Kafka: topics, partitions and offsets are Kafka's own.
 *
 *   append → partition by key → batches with sequence numbers → leaders of the partitions, acks=all → positions
 *   read   ◄─ records ◄── batches by offset, committed transactions only ◄── fetch
 *
 * Topics that are made here take Kafka's append time, so times never fall within a partition while the brokers' clocks don't. An
 * append that fails may have been taken, in whole or in part: whoever sends it again makes duplicates, which the lake knows by their ids.
 */
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import { checkOffsetToRead } from './offset-to-read.js';
import type { EventLog, NewRecord, PartitionBounds } from './event-log.js';
import { kafkaAccess, type KafkaConfig, type SecretPlaces } from './kafka/access.js';
import { batchCompressor } from './kafka/batch-codecs.js';
import { connectBrokers, type Brokers } from './kafka/brokers.js';
import { BrokerRefusal, isPassing, kafkaFailure } from './kafka/failure.js';
import { kafkaGroups } from './kafka/groups.js';
import { idempotentProducer } from './kafka/idempotent-producer.js';
import { namedBatches } from './kafka/named-batches.js';
import { partitionReader, type PartitionReader } from './kafka/partition-reader.js';
import { fetchRequest, type TopicMetadata } from './kafka/requests.js';
import { partitionChooser } from './partition-choice.js';
import type { RetryListeners } from '../resilience/tell-retry.js';

export interface KafkaLogOptions extends RetryListeners {
  readonly kafka: KafkaConfig;
  readonly secrets: SecretPlaces;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** How long calls outlive brokers that do not answer; defaults below. */
  readonly patience?: Partial<Patience>;
}

interface Patience {
  /** Until the first broker has answered: who starts a command wants to know soon. */
  readonly firstMs: number;
  /** Reads and questions. */
  readonly readMs: number;
  /** Appends, from the first attempt on; Kafka's own producers take two minutes too. */
  readonly deliveryMs: number;
}

const PATIENCE: Patience = { firstMs: 8000, readMs: 60_000, deliveryMs: 120_000 };
/** Committed offsets are hints: the lake does not wait long for them. */
const HINT_MS = 3000;
const CLOSE_MS = 10_000;
const PARTITIONS_MS = 10_000;
const LIMITS_MS = 60_000;
/** Of what fetches brought beyond what was asked for, over all partitions. */
const AHEAD_BYTES = 64_000_000;
/** Of a topic that is made here: more than a message at the doors with its headers. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** Kafka's default, where the topic's own limit may not be asked for. */
const DEFAULT_MESSAGE_BYTES = 1_048_588;
const TOPIC_RESOURCE = 2;
const TOPIC_EXISTS = 36;
const LATEST = -1;
const EARLIEST = -2;

/** Connects on first use. Every failure is KS_LOG or KS_CREDENTIALS; an unknown topic or partition is KS_NOT_FOUND. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<EventLog> {
  const { kafka, secrets, clock, randomBytes, patience, logger, metrics } = options;
  const { firstMs, readMs, deliveryMs } = { ...PATIENCE, ...patience };
  const access = await kafkaAccess(kafka, secrets, clock);
  const compressor = await batchCompressor(kafka.compression);
  const random = (): number => Buffer.from(randomBytes(4)).readUInt32BE() / 2 ** 32;
  const waits = { firstPatienceMs: firstMs, patienceMs: readMs, logger, metrics };
  const connect = (): Brokers => connectBrokers({ access, clock, random, ...waits });
  const brokers = connect();
  const groups = kafkaGroups({ brokers, connect, clock, place: access });
  const producer = idempotentProducer({ brokers, clock, deliveryMs, compressor });
  const choosers = new Map<string, { readonly partitions: number; readonly choose: (record: NewRecord) => number }>();
  const messageLimits = new Map<string, { readonly limit: Promise<number>; readonly atMs: number }>();
  const readers = new Map<string, { readonly id: string | null; readonly reader: PartitionReader }>();
  const { patiently } = brokers;

  const unknownTopic = (name: string): KeystoneError =>
    new KeystoneError('KS_NOT_FOUND', `Topic ${name} does not exist in Kafka at ${access.brokers}`, {
      hint: 'Send events first (keystone ingest csv, keystone ingest serve), or name another topic.',
    });
  const need = async (name: string, patienceMs?: number): Promise<TopicMetadata> => {
    const found = await patiently(`look up topic ${name}`, () => brokers.topic(name, PARTITIONS_MS), patienceMs);
    if (found) return found;
    throw unknownTopic(name);
  };
  const needPartition = (name: string, topic: TopicMetadata, partition: number): void => {
    if (topic.leaders.has(partition)) return;
    throw new KeystoneError('KS_NOT_FOUND', `Topic ${name} has no partition ${partition}: it has 0 to ${topic.leaders.size - 1}`);
  };
  /** Offsets of partitions at `timestamp` (ms, or LATEST, EARLIEST); -1: nothing at or after that time. */
  const offsetsAt = async (
    name: string,
    partitions: Iterable<number>,
    timestamp: number,
  ): Promise<ReadonlyMap<number, number>> => {
    const byLeader = new Map<Awaited<ReturnType<typeof brokers.leader>>, number[]>();
    for (const partition of partitions) {
      const leader = await brokers.leader(name, partition);
      byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
    }
    const answers = await Promise.all(
      [...byLeader].map(async ([leader, those]) => {
        const asked = those.map((partition) => ({ partition, timestamp }));
        const { responses } = await leader.listOffsets({ isolationLevel: 1, topics: [{ topic: name, partitions: asked }] });
        return responses.flatMap((response) => response.partitions);
      }),
    );
    return new Map(answers.flat().map(({ partition, offset }) => [partition, offsetOf(offset)]));
  };
  const boundsNow = async (name: string, partitions: readonly number[]): Promise<readonly PartitionBounds[]> => {
    const [starts, ends] = await Promise.all([offsetsAt(name, partitions, EARLIEST), offsetsAt(name, partitions, LATEST)]);
    return partitions.map((partition) => {
      const [startOffset, endOffset] = [starts.get(partition), ends.get(partition)];
      if (startOffset === undefined || endOffset === undefined) throw new BrokerRefusal(5);
      return { partition, startOffset, endOffset: Math.max(startOffset, endOffset) };
    });
  };
  const create = async (name: string, partitions: number): Promise<void> => {
    const configEntries = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) },
    ];
    const topic = { topic: name, numPartitions: partitions, replicationFactor: kafka.replication, configEntries };
    try {
      await (await brokers.controller()).createTopics({ topics: [topic], timeout: 10_000 });
    } catch (error) {
      // kafkajs wraps the refusals of several topics.
      const [first = error] = error instanceof Error && 'errors' in error ? (error.errors as unknown[]) : [];
      if (!(first instanceof Error && 'code' in first && first.code === TOPIC_EXISTS)) throw first;
    }
  };
  const messageLimit = (name: string): Promise<number> => {
    const known = messageLimits.get(name);
    // It may be raised while this process runs.
    if (known && clock.nowMs() - known.atMs < LIMITS_MS) return known.limit;
    const ask = async (): Promise<number> => {
      const resources = [{ type: TOPIC_RESOURCE, name, configNames: ['max.message.bytes'] }];
      const answer = await (await brokers.any()).describeConfigs({ resources });
      const value = Number(answer.resources[0]?.configEntries[0]?.configValue);
      return Number.isInteger(value) && value > 0 ? value : DEFAULT_MESSAGE_BYTES;
    };
    const asked = patiently(`ask for the limits of topic ${name}`, ask).catch((error: unknown) => {
      messageLimits.delete(name);
      // Who may write need not be allowed to look at the settings.
      if (error instanceof KeystoneError && error.code === 'KS_CREDENTIALS') return DEFAULT_MESSAGE_BYTES;
      throw error;
    });
    messageLimits.set(name, { limit: asked, atMs: clock.nowMs() });
    return asked;
  };
  const readerOf = (name: string, partition: number, { id }: TopicMetadata): PartitionReader => {
    const place = `${partition}/${name}`;
    const known = readers.get(place);
    if (known && known.id === id) return known.reader;
    const reader = partitionReader({
      topic: name,
      partition,
      fetch: async (offset, maxBytes) =>
        brokers.fetch(await brokers.leader(name, partition), fetchRequest(name, partition, offset, maxBytes)),
      bounds: async () => (await boundsNow(name, [partition]))[0]!,
    });
    readers.set(place, { id, reader });
    return reader;
  };

  const partitionsOf = async (name: string, records: readonly NewRecord[], patienceMs?: number): Promise<readonly number[]> => {
    const topic = await need(name, patienceMs);
    const count = topic.leaders.size;
    let chooser = choosers.get(name);
    if (chooser?.partitions !== count) {
      // Short-lived processes start their round-robin at different partitions.
      chooser = { partitions: count, choose: partitionChooser(count, Math.floor(random() * count)) };
      choosers.set(name, chooser);
    }
    const { choose } = chooser;
    return records.map((record) => {
      const partition = choose(record);
      needPartition(name, topic, partition);
      return partition;
    });
  };
  const endOffsets = async (name: string, partitions: readonly number[]): Promise<ReadonlyMap<number, number>> =>
    offsetsAt(name, partitions, LATEST);
  const startOffset = async (name: string, partition: number): Promise<number> =>
    (await offsetsAt(name, [partition], EARLIEST)).get(partition) ?? 0;
  const failure = (error: unknown, what: string): KeystoneError => kafkaFailure(error, what, access);

  return {
    named: namedBatches({ brokers, clock, compressor, partitionsOf, messageLimit, endOffsets, startOffset, failure }),
    ensureTopic: async (name, partitions) => {
      if (!Number.isInteger(partitions) || partitions < 1)
        throw new KeystoneError('KS_USAGE', `Topic ${name} can't have ${partitions} partitions`);
      let asked = false;
      return patiently(`find or create topic ${name}`, async () => {
        const found = await brokers.topic(name, 0);
        if (found) return found.leaders.size;
        if (!asked) await create(name, partitions);
        asked = true;
        // The brokers learn of it one after the other.
        throw new BrokerRefusal(5);
      });
    },
    append: async (name, records) => {
      if (records.length === 0) {
        await need(name);
        return [];
      }
      const partitions = await partitionsOf(name, records);
      try {
        return await producer.append(name, records, partitions, await messageLimit(name));
      } catch (error) {
        throw unsure(kafkaFailure(error, `append to topic ${name}`, access), error);
      }
    },
    read: async (name, partition, fromOffset, limit) => {
      const topic = await need(name);
      needPartition(name, topic, partition);
      checkOffsetToRead(name, partition, fromOffset);
      if (limit.maxRecords < 1) return { records: [], nextOffset: fromOffset };
      const reader = readerOf(name, partition, topic);
      const result = await patiently(`read ${name}/${partition}`, () => reader.read(fromOffset, limit));
      let aheadBytes = 0;
      for (const each of readers.values()) aheadBytes += each.reader.aheadBytes();
      if (aheadBytes > AHEAD_BYTES) for (const each of readers.values()) if (each.reader !== reader) each.reader.drop();
      return result;
    },
    topicId: async (name) => {
      const found = await patiently(`look up topic ${name}`, () => brokers.topic(name, 0));
      return found?.id ?? null;
    },
    bounds: async (name) =>
      patiently(`look up the bounds of topic ${name}`, async () => {
        const found = await brokers.topic(name, PARTITIONS_MS);
        return found ? boundsNow(name, [...found.leaders.keys()]) : [];
      }),
    offsetAt: async (name, partition, timestampUs) => {
      needPartition(name, await need(name), partition);
      const timeMs = Math.max(0, Math.ceil(timestampUs / 1000));
      return patiently(`look up a time in ${name}/${partition}`, async () => {
        // Times before 1970 are read as 1970, but Kafka goes by what it holds: everything is at or after the first moment.
        if (timeMs === 0) return (await boundsNow(name, [partition]))[0]?.startOffset ?? 0;
        const found = (await offsetsAt(name, [partition], timeMs)).get(partition) ?? -1;
        return found >= 0 ? found : ((await boundsNow(name, [partition]))[0]?.endOffset ?? 0);
      });
    },
    commitOffsets: async (group, name, nextOffsets) => {
      const topic = await need(name);
      for (const partition of nextOffsets.keys()) needPartition(name, topic, partition);
      const partitions = [...nextOffsets].map(([partition, offset]) => ({ partition, offset: String(offset) }));
      if (partitions.length === 0) return;
      await patiently(
        `commit offsets of group ${group}`,
        async () => {
          const coordinator = await brokers.coordinator(group);
          const topics = [{ topic: name, partitions }];
          await coordinator.offsetCommit({ groupId: group, groupGenerationId: -1, memberId: '', topics });
        },
        HINT_MS,
      );
    },
    committedOffsets: async (group, name) =>
      patiently(`look up the offsets of group ${group}`, async () => {
        const found = await brokers.topic(name, PARTITIONS_MS);
        if (!found) return new Map<number, number>();
        const coordinator = await brokers.coordinator(group);
        const partitions = [...found.leaders.keys()].map((partition) => ({ partition }));
        const { responses } = await coordinator.offsetFetch({ groupId: group, topics: [{ topic: name, partitions }] });
        const all = responses.flatMap((response) => response.partitions);
        return new Map(all.filter(({ offset }) => offset !== '-1').map(({ partition, offset }) => [partition, offsetOf(offset)]));
      }),
    joinGroup: groups.joinGroup,
    groupMembers: groups.groupMembers,
    close: async () => {
      await groups.close();
      // What is under way gets its chance, but a broker that is away does not hold up the end.
      const given = new AbortController();
      await Promise.race([producer.drained(), clock.sleep(CLOSE_MS, given.signal)]);
      given.abort();
      brokers.stopTrying();
      await producer.drained();
      await brokers.close();
    },
  };
}

function offsetOf(text: string): number {
  const offset = Number(text);
  if (Number.isSafeInteger(offset)) return offset;
  throw new KeystoneError('KS_LOG', `Kafka offset ${text} does not fit: offsets are whole numbers up to 2^53`);
}

/** A failure to hear of the records is not a failure to take them. */
function unsure(failure: KeystoneError, cause: unknown): KeystoneError {
  if (!isPassing(cause)) return failure;
  return new KeystoneError(failure.code, `${failure.message}; whether the records were taken is not known`, {
    hint: `${failure.hint ?? 'keystone doctor'}; sending the same events with the same ids again is safe`,
    cause,
  });
}

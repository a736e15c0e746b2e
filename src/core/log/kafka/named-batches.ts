/**
 * Named appends on Kafka: the name of a batch is what its broker knows it by (KIP-98: producer id, epoch, partition, first sequence).
 * One batch for each partition is under way at a time. After an outcome other than "taken" the partition goes on under a new producer
 * id: the old one's next number belongs to a batch that may still arrive.
 *
 * A broker that does not know a producer id at all takes any sequence number from it, since its records may have expired. So a name
 * protects only while the broker remembers (producer.id.expiration.ms, a day): later `find` looks at the heads of the batches.
 */
import type { Clock } from '../../clock.js';
import { KeystoneError } from '../../errors.js';
import type { NewRecord } from '../event-log.js';
import type { BatchName, BatchOutcome, CutBatch, NamedAppends, NamedBatch } from '../named-appends.js';
import type { BatchCompressor } from './batch-codecs.js';
import type { Brokers } from './brokers.js';
import { BrokerRefusal, CODE, isPassing } from './failure.js';
import { batchedBytes, batchHead, BATCH_OVERHEAD, encodeBatch } from './record-batch.js';
import { fetchRequest, type ProduceAnswer } from './requests.js';
import { sendBatches, type EncodedBatch } from './send-batches.js';
import { safeOffset } from './wire.js';

export interface NamedBatchesOptions {
  readonly brokers: Brokers;
  /** null: batches are sent as they are. */
  readonly compressor: BatchCompressor | null;
  readonly clock: Clock;
  /** Where each record goes. */
  readonly partitionsOf: (topic: string, records: readonly NewRecord[], patienceMs: number) => Promise<readonly number[]>;
  /** Bytes of the largest batch that the topic takes. */
  readonly messageLimit: (topic: string) => Promise<number>;
  /** Behind the newest record of each partition. */
  readonly endOffsets: (topic: string, partitions: readonly number[]) => Promise<ReadonlyMap<number, number>>;
  /** The first that the partition still holds. */
  readonly startOffset: (topic: string, partition: number) => Promise<number>;
  /** KS_LOG or KS_CREDENTIALS of whatever went wrong. */
  readonly failure: (error: unknown, what: string) => KeystoneError;
}

/** A partition's producer: what its next batch is called. */
interface Lane {
  readonly producerId: string;
  readonly producerEpoch: number;
  nextSequence: number;
  notBefore: number;
}

type UnnamedBatch = Omit<CutBatch, 'name'>;

interface Sent extends EncodedBatch {
  readonly batch: NamedBatch;
  /** How often it was put on its way. */
  timesOut: number;
}

const TARGET_BYTES = 1_000_000;
const LAST_SEQUENCE = 2 ** 31;
const FIND_BYTES = 4_000_000;

export function namedBatches(options: NamedBatchesOptions): NamedAppends {
  const { brokers, clock, failure, compressor } = options;
  const lanes = new Map<string, Lane>();
  let lastMs = 0;

  const laneName = (topic: string, partition: number): string => `${partition}/${topic}`;

  /** Runs work that must be over after `patienceMs`; what goes on behind its back is nobody's any more. */
  const withPatience = async <T>(
    patienceMs: number,
    work: (within: <V>(part: Promise<V>) => Promise<V>) => Promise<T>,
  ): Promise<T> => {
    const over = new AbortController();
    const late = clock.sleep(patienceMs, over.signal).then(() => {
      throw tooLate(patienceMs);
    });
    // Whoever waits for nothing any more does not hear of it.
    late.catch(() => undefined);
    try {
      return await work((part) => Promise.race([part, late]));
    } finally {
      over.abort();
    }
  };

  const openLanes = async (topic: string, partitions: readonly number[]): Promise<void> => {
    const missing = partitions.filter((partition) => !lanes.has(laneName(topic, partition)));
    if (missing.length === 0) return;
    const broker = await brokers.any();
    const { producerId, producerEpoch } = await broker.initProducerId({ transactionalId: null, transactionTimeout: 60_000 });
    const ends = await options.endOffsets(topic, missing);
    for (const partition of missing) {
      const end = ends.get(partition);
      if (end === undefined) throw new BrokerRefusal(5);
      lanes.set(laneName(topic, partition), { producerId, producerEpoch, nextSequence: 0, notBefore: end });
    }
  };

  /** What names need of the brokers. */
  const prepare = async (topic: string, records: readonly NewRecord[], patienceMs: number): Promise<readonly UnnamedBatch[]> => {
    const partitions = await options.partitionsOf(topic, records, patienceMs);
    const cuts = cutByPartition(topic, records, partitions, await options.messageLimit(topic));
    const wanted = [...new Set(cuts.map(({ partition }) => partition))];
    await brokers.patiently(`begin to append to topic ${topic}`, () => openLanes(topic, wanted), patienceMs);
    return cuts;
  };
  const named = (topic: string, cut: UnnamedBatch): CutBatch => {
    const lane = lanes.get(laneName(topic, cut.partition));
    if (!lane) throw new BrokerRefusal(5);
    const { producerId, producerEpoch, nextSequence: firstSequence, notBefore } = lane;
    lane.nextSequence = (firstSequence + cut.records.length) % LAST_SEQUENCE;
    return { ...cut, name: { producerId, producerEpoch, firstSequence, notBefore } };
  };

  const encoded = (topic: string, batch: NamedBatch): Sent => {
    lastMs = Math.max(lastMs, Math.floor(clock.nowMs()));
    const { producerId, producerEpoch, firstSequence } = batch.name;
    const producer = { producerId: BigInt(producerId), producerEpoch, firstSequence };
    const bytes = encodeBatch(batch.records, producer, lastMs, compressor);
    return { topic, partition: batch.partition, bytes, batch, timesOut: 0 };
  };

  const settle = (topic: string, { partition, records, name }: NamedBatch, outcome: BatchOutcome): BatchOutcome => {
    const lane = lanes.get(laneName(topic, partition));
    if (lane?.producerId !== name.producerId) return outcome;
    if (outcome.kind !== 'taken') lanes.delete(laneName(topic, partition));
    else if (outcome.baseOffset !== null) lane.notBefore = outcome.baseOffset + records.length;
    return outcome;
  };

  const send = async (
    topic: string,
    batches: readonly NamedBatch[],
    patienceMs: number,
    within: <V>(part: Promise<V>) => Promise<V>,
  ): Promise<readonly BatchOutcome[]> => {
    const startedAtMs = clock.nowMs();
    const outcomes = new Map<NamedBatch, BatchOutcome>();
    let open = batches.map((batch) => encoded(topic, batch));
    let latest: unknown;
    for (let attempt = 0; open.length > 0; attempt++) {
      const timesOutBefore = new Map(open.map((sent) => [sent, sent.timesOut]));
      const answers = await sendBatches(brokers, open, { within, onSend: (sent) => (sent.timesOut += 1) });
      const again: Sent[] = [];
      for (const sent of open) {
        const answer = answers.get(sent)!;
        const settled = answer instanceof Error ? null : outcomeOf(answer);
        if (settled) {
          outcomes.set(sent.batch, settled);
          continue;
        }
        const error = answer instanceof Error ? answer : new BrokerRefusal(answer.errorCode);
        latest = error;
        brokers.blame(error);
        const isOver = isTooLate(error) || clock.nowMs() - startedAtMs >= patienceMs || brokers.closed();
        // A broker that said no has not taken what it was asked this time.
        const timesInDoubt = answer instanceof Error || isPassing(error) ? sent.timesOut : timesOutBefore.get(sent)!;
        if (isPassing(error) && !isOver) again.push(sent);
        else if (timesInDoubt > 0) outcomes.set(sent.batch, { kind: 'doubtful', error });
        else outcomes.set(sent.batch, { kind: isPassing(error) ? 'unsent' : 'refused', error });
      }
      open = again;
      if (open.length === 0) break;
      brokers.forget(topic);
      await brokers.pause({ policy: 'cdc', attempt, what: `append to topic ${topic}`, error: latest });
    }
    return batches.map((batch) => settle(topic, batch, told(outcomes.get(batch)!, topic, failure)));
  };

  /** The patience counts for each question: there may be much to read. */
  const find: NamedAppends['find'] = async (topic, { partition, name }, patienceMs) => {
    const ask = <T>(question: () => Promise<T>): Promise<T> => withPatience(patienceMs, (within) => within(question()));
    try {
      const end = (await ask(() => options.endOffsets(topic, [partition]))).get(partition) ?? 0;
      for (let at = name.notBefore; at < end;) {
        const { errorCode, batches } = await ask(async () =>
          brokers.fetch(await brokers.leader(topic, partition), fetchRequest(topic, partition, at, FIND_BYTES)),
        );
        if (errorCode === CODE.offsetOutOfRange) {
          const start = await ask(() => options.startOffset(topic, partition));
          // It ends before the batch could begin: it is another topic.
          if (start <= at) return null;
          at = start;
          continue;
        }
        if (errorCode !== CODE.none) throw new BrokerRefusal(errorCode);
        let next = at;
        for (let from = 0; ;) {
          const head = batchHead(batches, from, `${topic}/${partition} from offset ${next}`);
          if (!head) break;
          if (isNamed(head, name)) return head.baseOffset;
          from += head.sizeBytes;
          next = Math.max(next, head.lastOffset + 1);
        }
        // Nothing more can be read: what lies beyond belongs to an open transaction.
        if (next === at) return null;
        at = next;
      }
      return null;
    } catch (error) {
      brokers.blame(error);
      brokers.forget(topic);
      throw failure(error, `look for a batch in ${topic}/${partition}`);
    }
  };

  return {
    // Lengths and time differences of the record and its headers come on top.
    recordBytes: async (topic) => Math.floor((await options.messageLimit(topic)) * 0.98) - 512,
    cut: async (topic, records, patienceMs) => {
      try {
        const cuts = await withPatience(patienceMs, (within) => within(prepare(topic, records, patienceMs)));
        // In one step: numbers that are taken behind the caller's back would be missing.
        return cuts.map((cut) => named(topic, cut));
      } catch (error) {
        throw failure(error, `append to topic ${topic}`);
      }
    },
    send: (topic, batches, patienceMs) => withPatience(patienceMs, (within) => send(topic, batches, patienceMs, within)),
    find,
  };
}

/** Null: the answer is none that settles it. */
function outcomeOf({ errorCode: code, baseOffset }: ProduceAnswer): BatchOutcome | null {
  switch (code) {
    case CODE.none:
      return { kind: 'taken', baseOffset: safeOffset(baseOffset) };
    case CODE.duplicateSequence:
      return { kind: 'taken', baseOffset: null };
    case CODE.outOfOrderSequence:
    case CODE.unknownProducer:
    case CODE.producerFenced:
      return { kind: 'forgotten', error: new BrokerRefusal(code) };
    case CODE.messageTooLarge:
      return { kind: 'refused', error: new BrokerRefusal(code) };
    default:
      return null;
  }
}

function told(outcome: BatchOutcome, topic: string, failure: NamedBatchesOptions['failure']): BatchOutcome {
  return outcome.kind === 'taken' ? outcome : { ...outcome, error: failure(outcome.error, `append to topic ${topic}`) };
}

const isNamed = (
  head: { readonly producerId: bigint; readonly producerEpoch: number; readonly firstSequence: number },
  { producerId, producerEpoch, firstSequence }: BatchName,
): boolean =>
  head.firstSequence === firstSequence && head.producerEpoch === producerEpoch && String(head.producerId) === producerId;

/** The records of each partition in batches, in their order. */
function cutByPartition(
  topic: string,
  records: readonly NewRecord[],
  partitions: readonly number[],
  limit: number,
): readonly UnnamedBatch[] {
  const mostBytes = Math.min(TARGET_BYTES, limit);
  const filling = new Map<number, { partition: number; records: NewRecord[]; indexes: number[]; bytes: number }>();
  const cuts: UnnamedBatch[] = [];
  records.forEach((record, index) => {
    const partition = partitions[index]!;
    const bytes = batchedBytes(record);
    if (bytes + BATCH_OVERHEAD > limit) throw tooLarge(topic, bytes, limit);
    let batch = filling.get(partition);
    if (!batch || batch.bytes + bytes > mostBytes) {
      batch = { partition, records: [], indexes: [], bytes: BATCH_OVERHEAD };
      filling.set(partition, batch);
      cuts.push(batch);
    }
    batch.bytes += bytes;
    batch.records.push(record);
    batch.indexes.push(index);
  });
  return cuts;
}

/** Of a record that no batch of the topic can hold. */
export const tooLarge = (topic: string, bytes: number, most: number): KeystoneError =>
  new KeystoneError('KS_LOG', `a record of ${bytes} bytes is more than topic ${topic} takes (max.message.bytes is ${most})`, {
    hint: `raise it: kafka-configs.sh --alter --entity-type topics --entity-name ${topic} --add-config max.message.bytes=…; nothing of this append was kept`,
    details: { topic, bytes, most },
  });

/** Named as kafkajs names its own, so that it counts as one. */
const tooLate = (patienceMs: number): Error =>
  Object.assign(new Error(`no answer within ${patienceMs} ms`), {
    name: 'KafkaJSRequestTimeoutError',
    retriable: true,
    late: true,
  });
const isTooLate = (error: Error): boolean => 'late' in error;

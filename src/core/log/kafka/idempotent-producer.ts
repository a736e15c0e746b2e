/**
 * Appends to Kafka such that a broker that goes away in the middle makes neither a gap nor a second copy: every batch carries a producer id
 * and a sequence number for its partition (KIP-98), and is sent again, unchanged, until a broker has answered for it. One batch for each
 * partition is under way at a time; what arrives meanwhile goes together in the next.
 *
 * A batch that was given up may still be in the log, so its producer id is never used again: a later batch under the same
 * sequence number would be taken for the repetition of it, acknowledged, and thrown away.
 */
import type { Clock } from '../../clock.js';
import type { NewRecord, RecordPosition } from '../event-log.js';
import type { BatchCompressor } from './batch-codecs.js';
import type { Brokers } from './brokers.js';
import { BrokerRefusal, CODE, isPassing } from './failure.js';
import { tooLarge } from './named-batches.js';
import { batchedBytes, BATCH_OVERHEAD, encodeBatch, type BatchProducer } from './record-batch.js';
import { sendBatches } from './send-batches.js';
import { safeOffset } from './wire.js';

export interface ProducerOptions {
  readonly brokers: Brokers;
  readonly clock: Clock;
  /** How long a batch is sent again before its append fails. */
  readonly deliveryMs: number;
  /** Absent or null: batches are sent as they are. */
  readonly compressor?: BatchCompressor | null;
}

export interface IdempotentProducer {
  /** `partitions` says where each record goes, `maxBatchBytes` what the topic takes. Resolves once all replicas in sync have all of them. */
  append(
    topic: string,
    records: readonly NewRecord[],
    partitions: readonly number[],
    maxBatchBytes: number,
  ): Promise<readonly RecordPosition[]>;
  /** Resolves when nothing is under way. */
  drained(): Promise<void>;
}

interface Append {
  readonly topic: string;
  readonly records: readonly NewRecord[];
  readonly partitions: readonly number[];
  readonly maxBatchBytes: number;
  readonly bytes: number;
  readonly positions: RecordPosition[];
  missing: number;
  readonly resolve: (positions: readonly RecordPosition[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly records: NewRecord[];
  /** Of each record: whose it is, and its place there. */
  readonly owners: { readonly append: Append; readonly index: number }[];
  bytes: number;
}

/** A batch in the form in which it is sent, each time the same. */
interface Sent {
  readonly batch: Batch;
  readonly topic: string;
  readonly partition: number;
  lane: BatchProducer;
  bytes: Buffer;
}

/** A batch is closed at this size; only a single record may make a larger one. */
const TARGET_BYTES = 1_000_000;
/** Records that share one round of batches; one append may be larger. */
const GROUP_BYTES = 16 * 1024 * 1024;
const LAST_SEQUENCE = 2 ** 31;

export function idempotentProducer({ brokers, clock, deliveryMs, compressor }: ProducerOptions): IdempotentProducer {
  /** Producer id and next sequence number by topic and partition. */
  const lanes = new Map<string, BatchProducer>();
  const pending: Append[] = [];
  let working = false;
  let work: Promise<void> = Promise.resolve();
  let lastMs = 0;

  const newLane = async (): Promise<BatchProducer> => {
    const broker = await brokers.any();
    const { producerId, producerEpoch } = await broker.initProducerId({ transactionalId: null, transactionTimeout: 60_000 });
    return { producerId: BigInt(producerId), producerEpoch, firstSequence: 0 };
  };
  const encode = (batch: Batch, lane: BatchProducer): Buffer => {
    lastMs = Math.max(lastMs, Math.floor(clock.nowMs()));
    return encodeBatch(batch.records, lane, lastMs, compressor);
  };
  /** One batch for each partition, until all are answered for. Returns the first failure, if any; every batch is settled either way. */
  const sendRound = async (batches: readonly Batch[]): Promise<unknown> => {
    const startedAtMs = clock.nowMs();
    let failure: unknown;
    let latest: unknown;
    const start = async (batch: Batch): Promise<Sent> => {
      const name = `${batch.partition}/${batch.topic}`;
      const lane = lanes.get(name) ?? (await newLane());
      lanes.set(name, lane);
      return { batch, topic: batch.topic, partition: batch.partition, lane, bytes: encode(batch, lane) };
    };
    const giveUp = (sent: Sent, error: unknown): void => {
      failure ??= error;
      lanes.delete(`${sent.batch.partition}/${sent.batch.topic}`);
    };
    let open = await brokers.patiently('begin to append', () => Promise.all(batches.map(start)), deliveryMs);
    for (let attempt = 0; open.length > 0; attempt++) {
      const outcome = await sendBatches(brokers, open);
      const again: Sent[] = [];
      for (const sent of open) {
        const answer = outcome.get(sent)!;
        const code = answer instanceof Error ? null : answer.errorCode;
        if (!(answer instanceof Error) && code === CODE.none) {
          settle(sent.batch, safeOffset(answer.baseOffset));
          const next = sent.lane.firstSequence + sent.batch.records.length;
          lanes.set(`${sent.batch.partition}/${sent.batch.topic}`, { ...sent.lane, firstSequence: next % LAST_SEQUENCE });
          continue;
        }
        const error = answer instanceof Error ? answer : new BrokerRefusal(answer.errorCode);
        const late = clock.nowMs() - startedAtMs >= deliveryMs || brokers.closed();
        // The brokers lost what they knew of this producer id. Had they this batch, they would have known it: it is sent under another.
        const forgotten = code === CODE.outOfOrderSequence || code === CODE.unknownProducer || code === CODE.producerFenced;
        if (late || !(forgotten || isPassing(error))) {
          giveUp(sent, error);
          continue;
        }
        latest = error;
        brokers.blame(error);
        if (forgotten) lanes.delete(`${sent.batch.partition}/${sent.batch.topic}`);
        brokers.forget(sent.batch.topic);
        again.push(sent);
      }
      open = again;
      if (open.length === 0) break;
      await brokers.pause({ policy: 'cdc', attempt, what: 'append', error: latest });
      for (const sent of open) {
        if (lanes.has(`${sent.batch.partition}/${sent.batch.topic}`)) continue;
        try {
          Object.assign(sent, await start(sent.batch));
        } catch {
          // No producer id yet: the next attempt asks again, and the old batch is refused again.
        }
      }
    }
    return failure;
  };
  /** Sends what is pending, group after group, until nothing is. `working` falls in the same step that sees nothing left. */
  const drain = async (): Promise<void> => {
    working = true;
    while (pending.length > 0) {
      // Appends of the same turn of the event loop go together.
      await new Promise(setImmediate);
      const group = pending.splice(0, groupSize(pending));
      let failure: unknown;
      try {
        for (const round of roundsOf(group)) {
          failure = await sendRound(round);
          if (failure !== undefined) break;
        }
      } catch (error) {
        failure = error;
      }
      if (failure === undefined) continue;
      for (const append of group) if (append.missing > 0) append.reject(failure);
    }
    working = false;
  };

  return {
    append: (topic, records, partitions, maxBatchBytes) => {
      let bytes = 0;
      for (const record of records) {
        const size = batchedBytes(record);
        if (size + BATCH_OVERHEAD > maxBatchBytes) return Promise.reject(tooLarge(topic, size, maxBatchBytes));
        bytes += size;
      }
      return new Promise((resolve, reject) => {
        const positions = Array.from<RecordPosition>({ length: records.length });
        pending.push({ topic, records, partitions, maxBatchBytes, bytes, positions, missing: records.length, resolve, reject });
        if (!working) work = drain();
      });
    },
    drained: async () => {
      while (working) await work;
    },
  };
}

function settle(batch: Batch, baseOffset: number): void {
  batch.owners.forEach(({ append, index }, n) => {
    append.positions[index] = { partition: batch.partition, offset: baseOffset + n };
    if (--append.missing === 0) append.resolve(append.positions);
  });
}

/** How many of the pending appends go together: at least one. */
function groupSize(pending: readonly Append[]): number {
  let bytes = 0;
  const tooMany = pending.findIndex((append, n) => (bytes += append.bytes) > GROUP_BYTES && n > 0);
  return tooMany === -1 ? pending.length : tooMany;
}

/** The records as batches in append order; a round holds at most one batch for each partition. */
function roundsOf(group: readonly Append[]): readonly (readonly Batch[])[] {
  const byPartition = new Map<string, Batch[]>();
  for (const append of group) {
    const { topic, records, partitions, maxBatchBytes } = append;
    const mostBytes = Math.min(TARGET_BYTES, maxBatchBytes);
    records.forEach((record, index) => {
      const partition = partitions[index]!;
      const name = `${partition}/${topic}`;
      const batches = byPartition.get(name) ?? [];
      if (batches.length === 0) byPartition.set(name, batches);
      const bytes = batchedBytes(record);
      let batch = batches.at(-1);
      if (!batch || batch.bytes + bytes > mostBytes) {
        batch = { topic, partition, records: [], owners: [], bytes: BATCH_OVERHEAD };
        batches.push(batch);
      }
      batch.bytes += bytes;
      batch.records.push(record);
      batch.owners.push({ append, index });
    });
  }
  const rounds: Batch[][] = [];
  for (const batches of byPartition.values()) batches.forEach((batch, n) => (rounds[n] ??= []).push(batch));
  return rounds;
}

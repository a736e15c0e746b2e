/** One attempt to hand encoded batches to the leaders of their partitions, one request for each leader. */
import { BrokerRefusal } from './failure.js';
import type { Brokers } from './brokers.js';
import { produceRequest, type ProduceAnswer } from './requests.js';

/** At most one for each partition. */
export interface EncodedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly bytes: Buffer;
}

export interface AttemptLimits<Batch> {
  /** Passes the work's outcome on, or fails when there is no more time for it. */
  readonly within?: <T>(work: Promise<T>) => Promise<T>;
  /** Told just before a batch is on its way. */
  readonly onSend?: (batch: Batch) => void;
}

/** Brokers wait this long for their replicas. */
const REPLICAS_MS = 15_000;

/** What each broker said. A request that failed as a whole is an error for all that it held. */
export async function sendBatches<Batch extends EncodedBatch>(
  brokers: Brokers,
  batches: readonly Batch[],
  { within = (work) => work, onSend }: AttemptLimits<Batch> = {},
): Promise<ReadonlyMap<Batch, ProduceAnswer | Error>> {
  const outcome = new Map<Batch, ProduceAnswer | Error>();
  const byLeader = new Map<Awaited<ReturnType<Brokers['leader']>>, Batch[]>();
  await Promise.all(
    batches.map(async (batch) => {
      try {
        const leader = await within(brokers.leader(batch.topic, batch.partition));
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), batch]);
      } catch (error) {
        outcome.set(batch, error as Error);
      }
    }),
  );
  await Promise.all(
    [...byLeader].map(async ([leader, those]) => {
      try {
        const request = those.map(({ topic, partition, bytes }) => ({ topic, partition, batch: bytes }));
        for (const batch of those) onSend?.(batch);
        const { answers } = await within(leader.connectionPool.send(produceRequest(request, REPLICAS_MS)));
        const found = new Map(answers.map((answer) => [`${answer.partition}/${answer.topic}`, answer]));
        for (const batch of those) {
          outcome.set(batch, found.get(`${batch.partition}/${batch.topic}`) ?? new BrokerRefusal(7));
        }
      } catch (error) {
        for (const batch of those) outcome.set(batch, error as Error);
        const { host, port } = leader.connectionPool;
        // It took the request and stands still: the next attempt asks others first.
        if (error instanceof Error && error.name === 'KafkaJSRequestTimeoutError')
          brokers.blame(Object.assign(new Error(error.message), { name: error.name, broker: `${host}:${port}` }));
      }
    }),
  );
  return outcome;
}

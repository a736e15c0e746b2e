/**
 * The three requests that kafkajs does not carry as they are needed here: metadata with the identity of topics, fetch and produce with the
 * bytes of batches as they are (https://kafka.apache.org/protocol).
 */
import { vendorBytes, type VendorProtocol } from './vendor.js';
import { wireReader, wireWriter } from './wire.js';

const PRODUCE = 0;
const FETCH = 1;
export const METADATA = 3;
/** The first with topic ids that Kafka 2.8 to 4 speak alike. */
export const METADATA_VERSION = 11;
const PRODUCE_VERSION = 7;
const FETCH_VERSION = 11;

const NO_ID = Buffer.alloc(16);

export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export interface TopicMetadata {
  readonly errorCode: number;
  /** 32 hex digits; null: the brokers don't tell. */
  readonly id: string | null;
  /** By partition; -1: there is none now. */
  readonly leaders: ReadonlyMap<number, number>;
  /** Partitions with a replica that is not in sync; absent: the brokers don't tell. */
  readonly underReplicated?: readonly number[];
}

export interface Metadata {
  readonly brokers: readonly BrokerAddress[];
  readonly controllerId: number;
  readonly topic: TopicMetadata;
}

export function metadataRequest(topic: string): VendorProtocol<Metadata> {
  // The empty tagged fields in front end the header of flexible versions, which kafkajs does not write.
  const body = wireWriter()
    .uvarint(0)
    .uvarint(2)
    .bytes(NO_ID)
    .compactString(topic)
    .uvarint(0)
    .int8(0)
    .int8(0)
    .uvarint(0)
    .joined();
  return {
    request: { apiKey: METADATA, apiVersion: METADATA_VERSION, apiName: 'Metadata', encode: async () => vendorBytes(body) },
    response: {
      decode: async (payload) => {
        const reader = wireReader(payload);
        reader.skipTags();
        const clientSideThrottleTime = reader.int32();
        const brokers = reader.compactArray(() => {
          const broker = { nodeId: reader.int32(), host: reader.compactString() ?? '', port: reader.int32() };
          reader.compactString();
          reader.skipTags();
          return broker;
        });
        reader.compactString();
        const controllerId = reader.int32();
        const [found] = reader.compactArray((): TopicMetadata => {
          const errorCode = reader.int16();
          reader.compactString();
          const id = reader.bytes(16).toString('hex');
          reader.int8();
          const underReplicated: number[] = [];
          const partitions = reader.compactArray((): [number, number] => {
            reader.int16();
            const partition = reader.int32();
            const leader = reader.int32();
            reader.int32();
            const replicas = reader.compactArray(reader.int32);
            const inSync = reader.compactArray(reader.int32);
            reader.compactArray(reader.int32);
            reader.skipTags();
            if (inSync.length < replicas.length) underReplicated.push(partition);
            return [partition, leader];
          });
          reader.int32();
          reader.skipTags();
          return {
            errorCode,
            id: id === NO_ID.toString('hex') ? null : id,
            leaders: new Map(partitions.toSorted(([a], [b]) => a - b)),
            underReplicated: underReplicated.toSorted((a, b) => a - b),
          };
        });
        const nothing: TopicMetadata = { errorCode: 3, id: null, leaders: new Map() };
        return { clientSideThrottleTime, brokers, controllerId, topic: found ?? nothing };
      },
      parse: async (decoded) => decoded,
    },
  };
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

export interface Fetched {
  readonly errorCode: number;
  readonly aborted: readonly AbortedTransaction[];
  /** Whole batches, the last one possibly cut off. */
  readonly batches: Buffer;
  /** The broker held back what there may be: this client has used up its quota for now (KIP-219). */
  readonly isThrottled: boolean;
}

/** What is there of one partition now, without waiting; committed transactions only. At least one whole batch, however large. */
export function fetchRequest(topic: string, partition: number, offset: number, maxBytes: number): VendorProtocol<Fetched> {
  const body = wireWriter()
    .int32(-1) // no replica
    .int32(0) // waits for nothing
    .int32(0)
    .int32(maxBytes)
    .int8(1) // read committed
    .int32(0) // no session
    .int32(-1)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int32(-1) // no leader epoch
    .int64(offset)
    .int64(-1)
    .int32(maxBytes)
    .int32(0) // nothing forgotten
    .string('')
    .joined();
  return {
    request: { apiKey: FETCH, apiVersion: FETCH_VERSION, apiName: 'Fetch', encode: async () => vendorBytes(body) },
    response: {
      decode: async (payload) => {
        const reader = wireReader(payload);
        const clientSideThrottleTime = reader.int32();
        const isThrottled = clientSideThrottleTime > 0;
        const errorCode = reader.int16();
        reader.int32();
        const [found] = reader.array(() => {
          reader.string();
          return reader.array((): Fetched => {
            reader.int32();
            const partitionError = reader.int16();
            reader.skip(24); // high watermark, last stable offset, start offset
            const aborted = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.int64() }));
            reader.int32();
            const length = reader.int32();
            return {
              errorCode: partitionError,
              aborted,
              batches: length > 0 ? reader.bytes(length) : Buffer.alloc(0),
              isThrottled,
            };
          })[0];
        });
        const nothing: Fetched = { errorCode, aborted: [], batches: Buffer.alloc(0), isThrottled };
        return { ...(errorCode === 0 && found ? found : nothing), clientSideThrottleTime };
      },
      parse: async (decoded) => decoded,
    },
  };
}

export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  readonly batch: Buffer;
}

export interface ProduceAnswer {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: bigint;
}

/** Acknowledged by all replicas in sync; one batch for each partition. */
export function produceRequest(
  batches: readonly ProducedBatch[],
  timeoutMs: number,
): VendorProtocol<{ readonly answers: readonly ProduceAnswer[] }> {
  const topics = new Map<string, ProducedBatch[]>();
  for (const batch of batches) topics.set(batch.topic, [...(topics.get(batch.topic) ?? []), batch]);
  const encode = async (): Promise<unknown> => {
    const body = wireWriter().string(null).int16(-1).int32(timeoutMs).int32(topics.size);
    for (const [topic, those] of topics) {
      body.string(topic).int32(those.length);
      for (const { partition, batch } of those) body.int32(partition).int32(batch.length).bytes(batch);
    }
    return vendorBytes(body.joined());
  };
  return {
    request: { apiKey: PRODUCE, apiVersion: PRODUCE_VERSION, apiName: 'Produce', encode },
    response: {
      decode: async (payload) => {
        const reader = wireReader(payload);
        const answers = reader.array(() => {
          const topic = reader.string() ?? '';
          return reader.array((): ProduceAnswer => {
            const partition = reader.int32();
            const errorCode = reader.int16();
            const baseOffset = reader.int64();
            reader.skip(16); // append time, start offset
            return { topic, partition, errorCode, baseOffset };
          });
        });
        return { answers: answers.flat(), clientSideThrottleTime: reader.int32() };
      },
      parse: async (decoded) => decoded,
    },
    requestTimeout: timeoutMs + 5000,
  };
}

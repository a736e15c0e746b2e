/**
 * What members of a consumer group tell each other through the coordinator, in the bytes that Kafka's own clients and tools use
 * (ConsumerProtocolSubscription, ConsumerProtocolAssignment).
 */
import { z } from 'zod';
import { wireReader, wireWriter, type WireReader } from './wire.js';

/** Its partitions, and since which generation of the group they are its own. */
export interface OwnedPartitions {
  readonly partitions: readonly number[];
  /** -1: never. */
  readonly generation: number;
}

export interface Subscription {
  readonly topic: string;
  /** Of the process; empty of another program. */
  readonly name: string;
  /** What it lands into; empty of another program. */
  readonly lake: string;
  readonly owned: OwnedPartitions;
}

/** With owned partitions and their generation (KIP-792). */
const SUBSCRIPTION_VERSION = 2;
const ASSIGNMENT_VERSION = 0;

/** JSON in the user data, which each program may use as it likes. */
const ownWords = z.object({ name: z.string(), lake: z.string() });

export function subscriptionBytes({ topic, name, lake, owned }: Subscription): Buffer {
  const userData = Buffer.from(JSON.stringify({ name, lake }), 'utf8');
  const body = wireWriter().int16(SUBSCRIPTION_VERSION).int32(1).string(topic).int32(userData.length).bytes(userData);
  body.int32(1).string(topic).int32(owned.partitions.length);
  for (const partition of owned.partitions) body.int32(partition);
  return body.int32(owned.generation).joined();
}

/** null: of another program, in other bytes. */
export function readSubscription(bytes: Buffer): Subscription | null {
  return unlessTorn(bytes, (reader) => {
    const version = reader.int16();
    const [topic = ''] = reader.array(() => reader.string() ?? '');
    const words = readWords(nullableBytes(reader).toString('utf8'));
    if (version < SUBSCRIPTION_VERSION) return { topic, ...words, owned: { partitions: [], generation: -1 } };
    const owned = topicPartitions(reader).flatMap((of) => (of.topic === topic ? of.partitions : []));
    return { topic, ...words, owned: { partitions: owned, generation: reader.int32() } };
  });
}

export function assignmentBytes(topic: string, partitions: readonly number[]): Buffer {
  const body = wireWriter().int16(ASSIGNMENT_VERSION).int32(1).string(topic).int32(partitions.length);
  for (const partition of partitions) body.int32(partition);
  return body.int32(0).joined();
}

/** Partitions of `topic`, ascending; none where the bytes say nothing of it. */
export function readAssignment(bytes: Buffer, topic: string): readonly number[] {
  const all = unlessTorn(bytes, (reader) => {
    reader.int16();
    return topicPartitions(reader).flatMap((of) => (of.topic === topic ? of.partitions : []));
  });
  return (all ?? []).toSorted((a, b) => a - b);
}

const topicPartitions = (reader: WireReader): { readonly topic: string; readonly partitions: readonly number[] }[] =>
  reader.array(() => ({ topic: reader.string() ?? '', partitions: reader.array(reader.int32) }));

const nullableBytes = (reader: WireReader): Buffer => reader.bytes(Math.max(0, reader.int32()));

function readWords(text: string): z.output<typeof ownWords> {
  try {
    return ownWords.parse(JSON.parse(text));
  } catch {
    return { name: '', lake: '' };
  }
}

function unlessTorn<T>(bytes: Buffer, read: (reader: WireReader) => T): T | null {
  try {
    return read(wireReader(bytes));
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/**
 * Port: the ordered, durable, partitioned log between the edge and the lake (embedded: SQLite; production: Kafka).
 *
 * Guarantees that every adapter's contract test checks:
 * - order: within a partition, offsets rise with append order, and `read` returns them in that order;
 * - durability: `append` resolves only once the records survive a crash of process and machine;
 * - several processes may append and read at once;
 * - record bytes (key, value, header values) come back exactly as they went in; null stays null, empty stays empty.
 */
import type { GroupMember, GroupMembership, JoinOptions } from './group-membership.js';

import type { NamedAppends } from './named-appends.js';

/** What others wrote to Kafka may say more than this can: a null value is read as an empty one, a name that is no UTF-8 with U+FFFD. */
export interface LogHeader {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface NewRecord {
  /** Chosen by the caller, or from `key` (same key, same partition), or round-robin when both are absent/null. */
  readonly partition?: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly LogHeader[];
}

export interface RecordPosition {
  readonly partition: number;
  readonly offset: number;
}

export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  /** Checked to be a safe integer by the adapter. */
  readonly offset: number;
  /**
   * When the log took it: microseconds since the epoch, a safe integer from 0 on, never falling within a partition. Kafka's is what the
   * producer claims where the topic says so (CreateTime): it may fall, and a claim that is no such integer is set to the nearest that is,
   * with the claim as a last header `ks-log-time-ms`.
   */
  readonly timestampUs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly LogHeader[];
}

export interface ReadResult {
  readonly records: readonly LogRecord[];
  /** Where the next read of this partition goes on: behind the last record, or behind a hole (compacted, transactional topics). */
  readonly nextOffset: number;
}

export interface PartitionBounds {
  readonly partition: number;
  /** First offset still held. */
  readonly startOffset: number;
  /** One behind the newest record. */
  readonly endOffset: number;
}

export interface EventLog {
  /** Creates the topic if absent; an existing one keeps its partition count. Resolves to the partition count. */
  ensureTopic(topic: string, partitions: number): Promise<number>;
  /**
   * Appends all records durably; the positions come in the order of `records`. Embedded: all or nothing. Over a network a failed append may
   * have been taken, in whole or in part, and its error says so: who sends the same ids again makes duplicates, which the lake knows.
   */
  append(topic: string, records: readonly NewRecord[]): Promise<readonly RecordPosition[]>;
  /** Up to `maxRecords` records and about `maxBytes` of values from `fromOffset`; empty at the end of the log. */
  read(
    topic: string,
    partition: number,
    fromOffset: number,
    limit: { readonly maxRecords: number; readonly maxBytes: number },
  ): Promise<ReadResult>;
  /**
   * Identity of the topic: made with it, never changed, another one for a topic of the same name that is made anew. null: the topic
   * does not exist, or the log cannot tell.
   */
  topicId(topic: string): Promise<string | null>;
  /** Start and end of every partition, ascending; empty when the topic does not exist. */
  bounds(topic: string): Promise<readonly PartitionBounds[]>;
  /** For one partition: the first offset whose timestamp is at or after `timestampUs`; the end offset when there is none. */
  offsetAt(topic: string, partition: number, timestampUs: number): Promise<number>;
  /** A hint for lag tools, written after the lake's commit; the lake's own offsets are the truth. */
  commitOffsets(group: string, topic: string, nextOffsets: ReadonlyMap<number, number>): Promise<void>;
  committedOffsets(group: string, topic: string): Promise<ReadonlyMap<number, number>>;
  /**
   * Makes this process a member of the group, in the background from now on, until it leaves. Absent where the log has no groups
   * (embedded): there one process reads all partitions, under a lease.
   */
  joinGroup?(group: string, topic: string, options: JoinOptions): GroupMembership;
  /** Members of the group as the log knows them now; empty when there are none. Absent where the log has no groups. */
  groupMembers?(group: string, topic: string): Promise<readonly GroupMember[]>;
  /** Absent where an append is local, so that nothing is ever in doubt. */
  readonly named?: NamedAppends;
  close(): Promise<void>;
}

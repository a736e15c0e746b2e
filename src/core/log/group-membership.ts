/**
 * Port: a consumer group of the log, whose members share a topic's partitions (Kafka's own group protocol). Who is a member, and of what,
 * is the log's to say; what was read is the lake's: a member starts from the lake's offsets, and a share that was lost without knowing it
 * (the process stood still) is refused there by the offset fences.
 */

/** What one member may read and land, from one rebalance to the next. */
export interface GroupShare {
  /** Empty when there are more members than partitions. */
  readonly partitions: ReadonlySet<number>;
  /** Aborted when the group wants to share anew: finish what is begun, release, and ask for the next share. */
  readonly revoked: AbortSignal;
  /** Throws KS_LEASE_LOST once the share may be another member's; by the clock alone, so it also tells a process that stood still. */
  hold(): void;
  /** Tells lag tools how far this member has come: next offsets by partition, under its generation. A hint; may be refused. */
  commitOffsets(nextOffsets: ReadonlyMap<number, number>): Promise<void>;
  /** Nothing is begun under this share any more. Until then the group waits for it, within bounds. */
  release(): void;
}

/** One process in the group; it stays a member in the background, also while the caller is busy. */
export interface GroupMembership {
  /**
   * The share of now, waiting while the group makes up its mind or its brokers are away; null once `signal` is aborted. Throws
   * KS_CREDENTIALS or KS_LOG when the group does not take this member and never will.
   */
  share(signal: AbortSignal): Promise<GroupShare | null>;
  /** Gives the share to the others at once. */
  leave(): Promise<void>;
}

export interface JoinOptions {
  /** What others see this member as, e.g. `host/pid/random`. */
  readonly name: string;
  /**
   * Identity of what this member lands into. Members share a topic's partitions with those of the same topic and lake alone: another lake
   * that was given the same group needs all of them too.
   */
  readonly lake: string;
  /** A member that has not been heard of for this long is out. */
  readonly sessionMs: number;
}

/** As anybody may see it. */
export interface GroupMember {
  /** As it joined; of a foreign program its client id. */
  readonly name: string;
  /** As in `JoinOptions`; empty of a foreign program. */
  readonly lake: string;
  readonly memberId: string;
  readonly host: string;
  /** Of the topic, ascending. */
  readonly partitions: readonly number[];
}

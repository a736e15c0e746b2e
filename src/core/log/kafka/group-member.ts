/**
 * One member of a consumer group, by Kafka's own protocol: it joins, is given partitions, and says every few seconds that it lives. When
 * the group changes it ends what it has begun, within bounds, and joins again; the member that the coordinator names leader shares out.
 *
 *   JoinGroup ─► SyncGroup ─► share ─► Heartbeat … ─► REBALANCE_IN_PROGRESS ─► revoked ─► released ─► JoinGroup
 *
 * A request that waits for the others (JoinGroup, SyncGroup) holds up all that follows on its connection: the member has its own.
 */
import type { Clock } from '../../clock.js';
import { KeystoneError } from '../../errors.js';
import type { GroupMembership, GroupShare, JoinOptions } from '../group-membership.js';
import type { Brokers } from './brokers.js';
import { isPassing, kafkaFailure, type FailurePlace } from './failure.js';
import { assignmentBytes, readAssignment, readSubscription, subscriptionBytes, type OwnedPartitions } from './group-bytes.js';
import { stickyAssignment, type AssignedMember } from './sticky-assignment.js';

export interface GroupMemberOptions extends JoinOptions {
  readonly group: string;
  readonly topic: string;
  /** Connections of this member alone. */
  readonly brokers: Brokers;
  readonly clock: Clock;
  readonly place: FailurePlace;
  readonly partitionCount: (topic: string) => Promise<number>;
  /** Over other connections than `brokers`: theirs may be waiting for the group. */
  readonly commitOffsets: (
    member: { readonly memberId: string; readonly generation: number },
    nextOffsets: ReadonlyMap<number, number>,
  ) => Promise<void>;
  readonly sendLeave: (memberId: string) => Promise<void>;
}

/** Of its own: a foreign consumer in the group would be given partitions and land nothing of them. */
const PROTOCOL = 'keystone-sticky';
/** The least that brokers take by default (group.min.session.timeout.ms). */
const LEAST_SESSION_MS = 6000;
const MOST_HEARTBEAT_MS = 2500;
/** How long the group waits for a member to join again. */
const REBALANCE_MS = 30_000;
/** Of that, how long what is begun may take to end. */
const SETTLE_MS = 20_000;
const POLL_MS = 50;
const LEAVE_MS = 3000;

/** Kafka's error codes of groups. */
const GROUP_CODE = {
  illegalGeneration: 22,
  inconsistentProtocol: 23,
  unknownMember: 25,
  rebalance: 27,
  fencedInstance: 82,
} as const;

/** A share as the member itself keeps it. */
interface Held {
  readonly generation: number;
  readonly partitions: readonly number[];
  readonly revoked: AbortController;
  aliveUntilMs: number;
  isBusy: boolean;
  isOver: boolean;
}

export function groupMember(options: GroupMemberOptions): GroupMembership {
  const { group, topic, name, lake, brokers, clock, place, partitionCount, commitOffsets, sendLeave } = options;
  const sessionMs = Math.max(LEAST_SESSION_MS, options.sessionMs);
  const heartbeatMs = Math.min(MOST_HEARTBEAT_MS, Math.floor(sessionMs / 3));
  const stop = new AbortController();
  let memberId = '';
  let owned: OwnedPartitions = { partitions: [], generation: -1 };
  let held: Held | null = null;
  let failure: KeystoneError | null = null;

  const lose = (): void => {
    if (held) held.isOver = true;
    held?.revoked.abort();
    held = null;
  };

  /** Joins and resolves once the group has shared out; `sharedOut`: how many partitions of each topic the leader gave away. */
  const join = async (): Promise<{ readonly share: Held; readonly sharedOut: ReadonlyMap<string, number> }> => {
    const coordinator = await brokers.coordinator(group);
    const joined = await coordinator.joinGroup({
      groupId: group,
      sessionTimeout: sessionMs,
      rebalanceTimeout: REBALANCE_MS,
      memberId,
      groupProtocols: [{ name: PROTOCOL, metadata: subscriptionBytes({ topic, name, lake, owned }) }],
    });
    memberId = joined.memberId;
    const { generationId } = joined;
    const sharedOut = new Map<string, number>();
    const groupAssignment: { readonly memberId: string; readonly memberAssignment: Buffer }[] = [];
    if (joined.leaderId === memberId) {
      for (const sharers of bySubscription(joined.members)) {
        const count = sharedOut.get(sharers.topic) ?? (await partitionCount(sharers.topic));
        sharedOut.set(sharers.topic, count);
        for (const [id, partitions] of stickyAssignment(count, sharers.members))
          groupAssignment.push({ memberId: id, memberAssignment: assignmentBytes(sharers.topic, partitions) });
      }
    }
    const askedAtMs = clock.nowMs();
    const synced = await coordinator.syncGroup({ groupId: group, generationId, memberId, groupAssignment });
    const partitions = readAssignment(synced.memberAssignment, topic);
    const share: Held = {
      generation: generationId,
      partitions,
      revoked: new AbortController(),
      aliveUntilMs: askedAtMs + sessionMs,
      isBusy: false,
      isOver: false,
    };
    return { share, sharedOut };
  };

  const beat = async (share: Held): Promise<'stays' | 'rebalance'> => {
    const sentAtMs = clock.nowMs();
    try {
      const coordinator = await brokers.coordinator(group);
      await coordinator.heartbeat({ groupId: group, groupGenerationId: share.generation, memberId });
    } catch (error) {
      if (codeOf(error) !== GROUP_CODE.rebalance) throw error;
      share.aliveUntilMs = sentAtMs + sessionMs;
      return 'rebalance';
    }
    share.aliveUntilMs = sentAtMs + sessionMs;
    return 'stays';
  };

  /** Until the group changes. */
  const stay = async (share: Held, sharedOut: ReadonlyMap<string, number>): Promise<void> => {
    for (let attempt = 0; !stop.signal.aborted;) {
      await clock.sleep(heartbeatMs, stop.signal);
      if (stop.signal.aborted) return;
      try {
        if ((await beat(share)) === 'rebalance') return;
        attempt = 0;
        // Partitions that were added later belong to nobody until the group shares anew.
        for (const [of, count] of sharedOut) if ((await partitionCount(of)) !== count) return;
      } catch (error) {
        if (!isPassing(error)) throw error;
        brokers.blame(error);
        await brokers.pause({ policy: 'db', attempt: attempt++, what: `stay in group ${group}`, error });
      }
    }
  };

  /** Lets what is begun end, and says meanwhile that this member lives. */
  const settle = async (share: Held): Promise<void> => {
    share.revoked.abort();
    const untilMs = clock.nowMs() + SETTLE_MS;
    let beatAtMs = clock.nowMs();
    while (share.isBusy && !stop.signal.aborted && clock.nowMs() < untilMs) {
      await clock.sleep(POLL_MS, stop.signal);
      if (clock.nowMs() - beatAtMs < heartbeatMs) continue;
      beatAtMs = clock.nowMs();
      await beat(share);
    }
  };

  const run = async (): Promise<void> => {
    for (let attempt = 0; !stop.signal.aborted;) {
      try {
        const { share, sharedOut } = await join();
        attempt = 0;
        owned = { partitions: share.partitions, generation: share.generation };
        held = share;
        await stay(share, sharedOut);
        await settle(share);
        lose();
      } catch (error) {
        if (stop.signal.aborted) return;
        const code = codeOf(error);
        const isForgotten = code === GROUP_CODE.unknownMember || code === GROUP_CODE.fencedInstance;
        if (isForgotten) memberId = '';
        // Who never was a member may be refused for good: a group that it may not join is no group to join again.
        const isOut = isForgotten || code === GROUP_CODE.illegalGeneration || code === GROUP_CODE.rebalance;
        lose();
        if (!isOut && !isPassing(error)) {
          failure =
            code === GROUP_CODE.inconsistentProtocol
              ? foreignGroup(group, error)
              : kafkaFailure(error, `join group ${group}`, place);
          return;
        }
        brokers.blame(error);
        await brokers.pause({ policy: 'db', attempt: isOut ? 0 : attempt++, what: `join group ${group}`, error });
      }
    }
  };
  const running = run();

  const lend = (share: Held): GroupShare => {
    share.isBusy = true;
    return {
      partitions: new Set(share.partitions),
      revoked: share.revoked.signal,
      hold: () => {
        if (!share.isOver && clock.nowMs() < share.aliveUntilMs) return;
        throw new KeystoneError(
          'KS_LEASE_LOST',
          `the share of group ${group} (partitions ${share.partitions.join(', ')} of ${topic}) may be another's; nothing more is landed under it`,
          { hint: 'keystone consume status' },
        );
      },
      commitOffsets: (nextOffsets) => commitOffsets({ memberId, generation: share.generation }, nextOffsets),
      release: () => {
        share.isBusy = false;
      },
    };
  };

  return {
    share: async (signal) => {
      while (!signal.aborted) {
        if (failure) throw failure;
        const share = held;
        if (share && !share.revoked.signal.aborted && clock.nowMs() < share.aliveUntilMs) return lend(share);
        await clock.sleep(POLL_MS, signal);
      }
      return null;
    },
    leave: async () => {
      stop.abort();
      lose();
      const given = new AbortController();
      const ended = async (): Promise<void> => {
        if (memberId !== '') await sendLeave(memberId).catch(() => undefined);
        // A request that waits for the group ends with the group's answer, or with its connection.
        await brokers.close();
        await running;
      };
      await Promise.race([ended(), clock.sleep(LEAVE_MS, given.signal)]);
      given.abort();
    },
  };
}

interface Sharers {
  readonly topic: string;
  readonly members: readonly AssignedMember[];
}

/** Those that land the same topic into the same lake share its partitions; a member in bytes of another kind is given none. */
function bySubscription(members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[]): readonly Sharers[] {
  const all = new Map<string, { readonly topic: string; readonly members: AssignedMember[] }>();
  for (const { memberId, memberMetadata } of members) {
    const subscription = readSubscription(memberMetadata);
    if (!subscription) continue;
    const { topic, lake, owned } = subscription;
    const key = JSON.stringify([topic, lake]);
    const sharers = all.get(key) ?? { topic, members: [] };
    all.set(key, sharers);
    sharers.members.push({ memberId, owned });
  }
  return [...all.values()];
}

const codeOf = (error: unknown): number | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;

const foreignGroup = (group: string, cause: unknown): KeystoneError =>
  new KeystoneError(
    'KS_LOG',
    `group ${group} has members of another kind: its partitions would be shared with programs that land nothing`,
    {
      hint: 'give this lake a group of its own: consume.group',
      cause,
    },
  );

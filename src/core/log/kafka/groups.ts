/** Consumer groups on the brokers of one log: joining one, and seeing who is in it. */
import type { Clock } from '../../clock.js';
import type { EventLog } from '../event-log.js';
import type { GroupMembership } from '../group-membership.js';
import type { Brokers } from './brokers.js';
import type { FailurePlace } from './failure.js';
import { readAssignment, readSubscription } from './group-bytes.js';
import { groupMember } from './group-member.js';

export interface GroupsOptions {
  readonly brokers: Brokers;
  /** Connections of a member alone. */
  readonly connect: () => Brokers;
  readonly clock: Clock;
  readonly place: FailurePlace;
}

export interface Groups extends Required<Pick<EventLog, 'joinGroup' | 'groupMembers'>> {
  /** Members leave. */
  close(): Promise<void>;
}

/** Hints wait no longer. */
const HINT_MS = 3000;
/** A topic's count of partitions is looked up this often. */
const PARTITIONS_MS = 10_000;

export function kafkaGroups({ brokers, connect, clock, place }: GroupsOptions): Groups {
  const memberships = new Set<GroupMembership>();
  return {
    joinGroup: (group, topic, options) => {
      const own = connect();
      const membership = groupMember({
        ...options,
        group,
        topic,
        brokers: own,
        clock,
        place,
        // Its failures are the member's own to wait out.
        partitionCount: async (of) => (await own.topic(of, PARTITIONS_MS))?.leaders.size ?? 0,
        commitOffsets: async ({ memberId, generation }, nextOffsets) => {
          const partitions = [...nextOffsets].map(([partition, offset]) => ({ partition, offset: String(offset) }));
          const topics = [{ topic, partitions }];
          const commit = async (): Promise<void> => {
            const coordinator = await brokers.coordinator(group);
            await coordinator.offsetCommit({ groupId: group, groupGenerationId: generation, memberId, topics });
          };
          await brokers.patiently(`commit offsets of group ${group}`, commit, HINT_MS);
        },
        sendLeave: async (memberId) => {
          await (await brokers.coordinator(group)).leaveGroup({ groupId: group, memberId });
        },
      });
      memberships.add(membership);
      return {
        share: membership.share,
        leave: async () => {
          memberships.delete(membership);
          await membership.leave();
        },
      };
    },
    groupMembers: async (group, topic) =>
      brokers.patiently(`look at group ${group}`, async () => {
        const { groups } = await (await brokers.coordinator(group)).describeGroups({ groupIds: [group] });
        const members = groups.flatMap((each) => each.members);
        return members
          .flatMap(({ memberId, clientId, clientHost, memberMetadata, memberAssignment }) => {
            const subscription = readSubscription(memberMetadata);
            if (subscription && subscription.topic !== topic) return [];
            const { name, lake } = subscription ?? { name: '', lake: '' };
            const partitions = readAssignment(memberAssignment, topic);
            return [{ name: name || clientId, lake, memberId, host: clientHost.replace(/^\//, ''), partitions }];
          })
          .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      }),
    close: async () => {
      await Promise.all([...memberships].map((membership) => membership.leave()));
      memberships.clear();
    },
  };
}

/** Shares partitions among the members of a group: evenly, and each keeps as many of its own as that allows. */
import type { OwnedPartitions } from './group-bytes.js';

export interface AssignedMember {
  readonly memberId: string;
  readonly owned: OwnedPartitions;
}

/**
 * Partitions by member id, ascending; counts differ by one at most. Of two that claim a partition the one of the newer generation has it:
 * the other stood still for a while.
 */
export function stickyAssignment(
  partitionCount: number,
  members: readonly AssignedMember[],
): ReadonlyMap<string, readonly number[]> {
  const claims = new Map<number, AssignedMember>();
  for (const member of members.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))) {
    for (const partition of member.owned.partitions) {
      const other = claims.get(partition);
      if (partition < partitionCount && (!other || other.owned.generation < member.owned.generation))
        claims.set(partition, member);
    }
  }
  const claimedBy = (member: AssignedMember): number[] =>
    [...claims].flatMap(([partition, owner]) => (owner === member ? [partition] : [])).toSorted((a, b) => a - b);
  // Who has more keeps more: the members that may hold one more are those that have most.
  const ranked = members
    .map((member) => ({ member, claimed: claimedBy(member) }))
    .toSorted((a, b) => b.claimed.length - a.claimed.length || (a.member.memberId < b.member.memberId ? -1 : 1));
  const least = Math.floor(partitionCount / Math.max(1, members.length));
  const oneMore = partitionCount - least * members.length;
  const shares = ranked.map(({ member, claimed }, rank) => {
    const most = least + (rank < oneMore ? 1 : 0);
    return { memberId: member.memberId, most, kept: claimed.slice(0, most) };
  });
  const kept = new Set(shares.flatMap((share) => share.kept));
  const free = Array.from({ length: partitionCount }, (_, partition) => partition).filter((partition) => !kept.has(partition));
  return new Map(
    shares.map((share) => [
      share.memberId,
      [...share.kept, ...free.splice(0, share.most - share.kept.length)].toSorted((a, b) => a - b),
    ]),
  );
}

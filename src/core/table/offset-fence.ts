/**
 * The offset fence: a commit says where in the log it begins and ends, and is let through only if the table's newest base ends
 * exactly where it begins. So a zombie's commit and a redelivered batch are refused whoever else runs, and each offset of the log
 * enters the table once.
 */
import type { AcceptedLoss, NextOffsets, OffsetFence, OffsetHole } from './table-api.js';

/** What the newest base carries. */
export interface FencedState {
  readonly nextOffsets: NextOffsets;
  readonly holes: readonly OffsetHole[];
  readonly losses: readonly AcceptedLoss[];
  readonly fencingToken: number | null;
}

export type FenceVerdict =
  | { readonly kind: 'open'; readonly after: FencedState }
  | { readonly kind: 'fenced'; readonly reason: string };

/** Checks `fence` against `base` and gives the state after the commit. Empty ranges are legal and are checked too. */
export function checkFence(base: FencedState, fence: OffsetFence): FenceVerdict {
  if (fence.fencingToken !== undefined && base.fencingToken !== null && fence.fencingToken < base.fencingToken) {
    return { kind: 'fenced', reason: `the lease token ${fence.fencingToken} was superseded by ${base.fencingToken}` };
  }
  const next = new Map([...base.nextOffsets].map(([topic, partitions]) => [topic, new Map(partitions)]));
  for (const { topic, partition, expectedNext, endExclusive } of fence.ranges) {
    const partitions = next.get(topic) ?? new Map<number, number>();
    const actual = partitions.get(partition) ?? 0;
    if (actual !== expectedNext || endExclusive < expectedNext) {
      return {
        kind: 'fenced',
        reason: `${topic}[${partition}]: the table is at offset ${actual}, the commit brings ${expectedNext} to ${endExclusive}`,
      };
    }
    next.set(topic, partitions.set(partition, endExclusive));
  }
  const tokens = [base.fencingToken, fence.fencingToken ?? null].filter((token) => token !== null);
  return {
    kind: 'open',
    after: {
      nextOffsets: next,
      holes: joinedHoles([...base.holes, ...(fence.holes ?? []), ...(fence.loss?.offsets ?? [])]),
      losses: fence.loss ? [...base.losses, fence.loss] : base.losses,
      fencingToken: tokens.length === 0 ? null : Math.max(...tokens),
    },
  };
}

/** Holes in order, neighbours joined, so that the list stays as short as it can be. */
function joinedHoles(holes: readonly OffsetHole[]): readonly OffsetHole[] {
  const sorted = holes.toSorted(
    (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) || a.partition - b.partition || a.from - b.from,
  );
  const joined: OffsetHole[] = [];
  for (const hole of sorted) {
    const last = joined.at(-1);
    if (last && last.topic === hole.topic && last.partition === hole.partition && hole.from <= last.toExclusive) {
      joined[joined.length - 1] = { ...last, toExclusive: Math.max(last.toExclusive, hole.toExclusive) };
    } else if (hole.toExclusive > hole.from) joined.push(hole);
  }
  return joined;
}

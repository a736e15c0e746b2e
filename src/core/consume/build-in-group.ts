/**
 * The work of a member of a consumer group: it lands what the group gives it, and stands ready to derive for all of them, which the
 * holder of the lease does. The two go on side by side: each has its own fences, and each waits out outages on its own.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { isKeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { GroupMembership, GroupShare } from '../log/group-membership.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { refuseRolledBack } from '../silver/rolled-back.js';
import type { StateStore } from '../state/state-store.js';
import type { BuildProgress } from './build-progress.js';
import type { ConsumeOptions } from './consume-options.js';
import { deriving } from './derive-backlog.js';
import { landing, type LandingRight } from './land-next.js';
import { leaseName } from '../state/lease-name.js';
import type { Endurance } from './outages.js';
import { underLease } from './under-lease.js';

export interface GroupRun {
  readonly lakehouse: Lakehouse;
  readonly state: StateStore;
  readonly membership: GroupMembership;
  readonly options: ConsumeOptions;
  /** What was in the log at the start: end offset by partition. */
  readonly targets: ReadonlyMap<number, number>;
  readonly progress: BuildProgress;
  /** One for each side. */
  readonly endurance: () => Endurance;
}

/** Between two looks for what is new, of the log and of others. */
const LOOK_MS = 500;
/** The same where each look asks the store; a run that ends when it is caught up looks more often, it ends the sooner. */
const STORE_LOOK_MS = 1000;
/** So many looks at the log alone before the store is asked whether it is still there, and as it was. */
const LOG_LOOKS = 10;

/** True once everything up to the targets is derived, whoever did it (with `untilCaughtUp`); false when the signal came. */
export async function buildInGroup(run: GroupRun): Promise<boolean> {
  const { options, membership } = run;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const sides = { ...run, options: { ...options, signal } };
  const ending = async (side: Promise<boolean>, endsAll: boolean): Promise<boolean> => {
    try {
      const result = await side;
      if (endsAll) ended.abort();
      return result;
    } catch (error) {
      ended.abort();
      throw error;
    }
  };
  const land = async (): Promise<boolean> => {
    try {
      return await landShares(sides);
    } finally {
      await membership.leave();
    }
  };
  // Both sides end before either's failure is told. Landing that is done waits for what it landed to be derived, not the other way round.
  const [landed, derived] = await Promise.allSettled([ending(land(), false), ending(deriveForAll(sides), true)]);
  if (landed.status === 'rejected') throw landed.reason;
  if (derived.status === 'rejected') throw derived.reason;
  return derived.value;
}

/** Lands share after share; true once bronze holds everything up to the targets. */
async function landShares({ lakehouse, membership, options, targets, progress, endurance }: GroupRun): Promise<boolean> {
  const { clock } = lakehouse.effects;
  const outage = endurance();
  let land: ReturnType<typeof landing> | null = null;
  while (!options.signal.aborted) {
    let share: GroupShare | null = null;
    try {
      land ??= landing(
        lakehouse,
        { bronze: await lakehouse.ensureTable(BRONZE_EVENTS), store: await lakehouse.store() },
        options,
        targets,
        progress,
      );
      share = await membership.share(options.signal);
      if (!share) return false;
      const right = rightOf(share, options.signal);
      await land.checkLog(right);
      while (!right.signal.aborted) {
        const outcome = await land.landNext(right);
        outage.worked();
        if (outcome === 'done') return true;
        // Who is to end looks at bronze each time: others land the rest.
        for (let look = 0; outcome === 'nothing' && look < (options.untilCaughtUp ? 1 : LOG_LOOKS); look += 1) {
          await clock.sleep(LOOK_MS, right.signal);
          if (right.signal.aborted || (await land.isMoving(right))) break;
        }
      }
    } catch (error) {
      if (isKeystoneError(error) && error.code === 'KS_LEASE_LOST') options.onNotice?.(error.message);
      else {
        share?.release();
        await outage.failed(error);
      }
    } finally {
      share?.release();
    }
  }
  return false;
}

const rightOf = (share: GroupShare, signal: AbortSignal): LandingRight => ({
  partitions: share.partitions,
  hold: () => {
    share.hold();
    return null;
  },
  signal: AbortSignal.any([signal, share.revoked]),
  hint: (next) => share.commitOffsets(next),
});

/** Derives what all members land, whenever the lease is ours. */
function deriveForAll({ lakehouse, state, options, targets, progress, endurance }: GroupRun): Promise<boolean> {
  const { topic } = lakehouse.config.profile.log;
  const { clock } = lakehouse.effects;
  const outage = endurance();
  const standbyNotice = `another member of the group derives (it holds the lease "${leaseName(topic)}"): this one lands its partitions`;
  return underLease({ lakehouse, state, options, targets, endurance: outage, standbyNotice }, async (derivation) => {
    const { bronze } = derivation.tables;
    await refuseRolledBack(derivation.tables);
    const { deriveAll, isHeld, report } = deriving(lakehouse, derivation, options, targets, progress);
    await report();
    let seen: string | null = null;
    while (!options.signal.aborted) {
      const { metadataLocation, nextOffsets } = await bronze.state();
      if (metadataLocation !== seen) {
        if (!(await deriveAll())) return false;
        seen = isHeld() ? null : metadataLocation;
        const isWhole = [...targets].every(([partition, end]) => nextOffsetOf(nextOffsets, topic, partition) >= end);
        if (options.untilCaughtUp && isWhole) return true;
      }
      outage.worked();
      derivation.holdLease();
      await clock.sleep(options.untilCaughtUp ? LOOK_MS : STORE_LOOK_MS, options.signal);
    }
    return false;
  });
}

/**
 * Holds one lease while work goes on: renews it in the background and answers, from the clock alone, whether it can still be ours.
 * A process that was suspended past the lease's end finds out before it commits, not after.
 */
import type { Clock } from '../clock.js';
import { KeystoneError } from '../errors.js';
import type { Lease, StateStore } from './state-store.js';

export interface LeaseKeeper {
  /** The fencing token; throws KS_LEASE_LOST once the lease may be somebody else's. */
  hold(): number;
  release(): Promise<void>;
}

/** null when somebody else holds the lease. `tableToken`: the highest token that the tables remember; the lease's own is never lower. */
export async function keepLease(
  state: StateStore,
  clock: Clock,
  name: string,
  holder: string,
  ttlMs: number,
  tableToken?: () => Promise<number>,
): Promise<LeaseKeeper | null> {
  let first = await state.acquireLease(name, holder, ttlMs);
  if (!first) return null;
  const highest = (await tableToken?.()) ?? 0;
  if (first.fencingToken < highest) first = await state.acquireLease(name, holder, ttlMs, highest + 1);
  if (!first) return null;
  let lease: Lease | null = first;
  let renewal: Promise<void> | undefined;
  const renew = (): void => {
    renewal ??= (async () => {
      // A failed renewal is no loss yet: the lease stands until it expires.
      if (lease) lease = await state.renewLease(lease, ttlMs).catch(() => lease);
    })().finally(() => {
      renewal = undefined;
    });
  };
  const timer = setInterval(renew, Math.max(100, Math.floor(ttlMs / 3)));
  timer.unref();
  return {
    hold: () => {
      if (lease && clock.nowMs() < lease.expiresAtMs) return lease.fencingToken;
      throw new KeystoneError(
        'KS_LEASE_LOST',
        `the lease "${name}" ran out or was taken over; nothing more is committed by ${holder}`,
        {
          hint: 'keystone consume status',
        },
      );
    },
    release: async () => {
      clearInterval(timer);
      await renewal;
      if (lease) await state.releaseLease(lease).catch(() => undefined);
      lease = null;
    },
  };
}

/**
 * Holds one lease while work goes on: renews it in the background and answers, from the clock alone, whether it can still be ours.
 * A process that was suspended past the lease's end finds out before it commits, not after.
 */
import type { Clock } from '../clock.js';
import { KeystoneError, messageOf } from '../errors.js';
import type { Lease, StateStore } from './state-store.js';

export interface LeaseKeeper {
  /** The fencing token; throws KS_LEASE_LOST once the lease may be somebody else's. */
  hold(): number;
  release(): Promise<void>;
}

/** A failed renewal is tried again this soon: the next one in turn may come too late. */
const RETRY_MS = 1000;

/** null when somebody else holds the lease. `tableToken`: the highest token that the tables remember; the lease's own is never lower. `onNotice`: told once when renewing begins to fail, and once when it works again. */
export async function keepLease(
  state: StateStore,
  clock: Clock,
  name: string,
  holder: string,
  ttlMs: number,
  tableToken?: () => Promise<number>,
  onNotice?: (text: string) => void,
): Promise<LeaseKeeper | null> {
  let first = await state.acquireLease(name, holder, ttlMs);
  if (!first) return null;
  const highest = (await tableToken?.()) ?? 0;
  if (first.fencingToken < highest) first = await state.acquireLease(name, holder, ttlMs, highest + 1);
  if (!first) return null;
  let lease: Lease | null = first;
  let renewal: Promise<void> | undefined;
  let failingSinceMs: number | null = null;
  let soon: NodeJS.Timeout | undefined;
  /** A failed renewal is no loss yet: the lease stands until it expires. */
  const failed = (held: Lease, error: unknown): void => {
    const nowMs = clock.nowMs();
    if (failingSinceMs === null) {
      failingSinceMs = nowMs;
      const seconds = Math.max(0, (held.expiresAtMs - nowMs) / 1000).toFixed(0);
      onNotice?.(
        `${messageOf(error)}; the lease "${name}" could not be renewed: work goes on for the ${seconds} s that it lasts, waiting for the state store meanwhile`,
      );
    }
    soon = setTimeout(renew, Math.min(RETRY_MS, ttlMs / 3));
    soon.unref();
  };
  const renew = (): void => {
    renewal ??= (async () => {
      const held = lease;
      if (!held) return;
      try {
        lease = await state.renewLease(held, ttlMs);
      } catch (error) {
        if (!isReleased) failed(held, error);
        return;
      }
      if (lease && failingSinceMs !== null)
        onNotice?.(`the lease "${name}" is renewed again after ${((clock.nowMs() - failingSinceMs) / 1000).toFixed(1)} s`);
      failingSinceMs = null;
    })().finally(() => {
      renewal = undefined;
    });
  };
  let isReleased = false;
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
      isReleased = true;
      clearInterval(timer);
      await renewal;
      clearTimeout(soon);
      if (lease) await state.releaseLease(lease).catch(() => undefined);
      lease = null;
    },
  };
}

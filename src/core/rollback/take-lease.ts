/** Takes a lease for a piece of work that must be alone; whoever lives keeps it. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { keepLease, type LeaseKeeper } from '../state/lease-keeper.js';
import type { Lease } from '../state/state-store.js';

export interface LeaseWish {
  readonly name: string;
  readonly ttlMs: number;
  /** Who holds it, and what to do about it: `a consumer`, `stop it, then …`. */
  readonly holder: string;
  readonly wayOut: string;
  readonly signal: AbortSignal;
  readonly onNotice?: (text: string) => void;
}

const POLL_MS = 100;

/**
 * A killed holder's lease is waited for until it runs out; one that is renewed meanwhile belongs to somebody who lives. Throws
 * KS_LEASE_HELD, KS_INTERRUPTED.
 */
export async function takeLease(lakehouse: Lakehouse, wish: LeaseWish): Promise<LeaseKeeper> {
  const { name, ttlMs, signal } = wish;
  const { effects } = lakehouse;
  const state = await lakehouse.state();
  let seen: Lease | null = null;
  for (;;) {
    const keeper = await keepLease(state, effects.clock, name, effects.processName, ttlMs);
    if (keeper) return keeper;
    const held = await state.readLease(name);
    if (held && seen && (held.fencingToken !== seen.fencingToken || held.expiresAtMs > seen.expiresAtMs)) {
      throw new KeystoneError('KS_LEASE_HELD', `${wish.holder} (${held.holder}) is at work under the lease "${name}"`, {
        hint: wish.wayOut,
        details: { holder: held.holder, lease: name },
      });
    }
    if (held && !seen) wish.onNotice?.(`the lease "${name}" is ${held.holder}'s: looking whether it still lives`);
    seen ??= held;
    if (signal.aborted) {
      throw new KeystoneError('KS_INTERRUPTED', `stopped while the lease "${name}" was waited for; nothing was changed`, {
        hint: wish.wayOut,
      });
    }
    await effects.clock.sleep(POLL_MS, signal);
  }
}

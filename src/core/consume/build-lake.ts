/**
 * The loop of a builder that lands and derives alone while it holds the lease: while the range of one batch is derived (DuckDB's
 * threads), the next batch is fetched, encoded and landed (this thread). Each side has its own fences, so neither waits for the other's
 * commits.
 */
import type { Derivation } from '../silver/derivation.js';
import { refuseRolledBack } from '../silver/rolled-back.js';
import type { Deriving } from './derive-backlog.js';
import type { Landing, LandingRight } from './land-next.js';

export interface AloneOptions {
  readonly right: LandingRight;
  readonly signal: AbortSignal;
  /** Told after each round in which both sides went through. */
  readonly onRound: () => void;
}

/**
 * Works while the lease lasts; true once landing says that it is done and everything landed is derived, false when the signal or a
 * faster builder ended it.
 */
export async function buildLake(
  { tables }: Derivation,
  { landNext, checkLog }: Landing,
  { deriveAll, isHeld, report }: Deriving,
  { right, signal, onRound }: AloneOptions,
): Promise<boolean> {
  await refuseRolledBack(tables);
  // Also when nothing is left to fetch: a topic that was deleted and made anew looks like one that is caught up.
  await checkLog(right);
  await report();
  let deriving = deriveAll();
  for (;;) {
    // Both sides end before either's failure is told: a session may not be closed under a running statement.
    const [derived, landed] = await Promise.allSettled([deriving, landNext(right)]);
    if (derived.status === 'rejected') throw derived.reason;
    if (landed.status === 'rejected') throw landed.reason;
    onRound();
    if (!derived.value || landed.value === 'lost' || signal.aborted) return false;
    // Once more: a suspended builder may have landed its last batch after this one had looked.
    if (landed.value === 'done') return deriveAll();
    if (landed.value === 'landed' || isHeld()) deriving = deriveAll();
  }
}

/** When a partition will have caught up, if it goes on as over the last window. */
import type { Rates } from './rates.js';

/**
 * - `caught_up`: nothing waits;
 * - `draining`: caught up in `seconds`;
 * - `steady`: as many events come as are landed;
 * - `growing`: more come than are landed;
 * - `stalled`: events wait, and none was landed for longer than a consumer takes between two commits;
 * - `unknown`: too early to tell.
 */
export type DrainEstimate =
  | { readonly kind: 'draining'; readonly seconds: number }
  | { readonly kind: 'caught_up' | 'steady' | 'growing' | 'stalled' | 'unknown' };

/** `quietSeconds`: for how long a healthy consumer may land nothing (it commits batches, not events). */
export function estimateDrain(lagEvents: number, rates: Rates | null, quietSeconds: number): DrainEstimate {
  if (lagEvents <= 0) return { kind: 'caught_up' };
  if (rates === null) return { kind: 'unknown' };
  const { inPerSecond, outPerSecond, spanSeconds } = rates;
  if (outPerSecond <= 0) return { kind: spanSeconds >= quietSeconds ? 'stalled' : 'unknown' };
  if (outPerSecond > inPerSecond) return { kind: 'draining', seconds: lagEvents / (outPerSecond - inPerSecond) };
  return { kind: inPerSecond > outPerSecond ? 'growing' : 'steady' };
}

/** From best to worst; what is unknown may be anything up to a slow drain. */
const WORSE = ['caught_up', 'draining', 'unknown', 'steady', 'growing', 'stalled'] as const;

/** The topic has caught up when its last partition has: the worst of them speaks for all, and of two that drain the slower one. */
export function worstDrain(estimates: readonly DrainEstimate[]): DrainEstimate {
  return estimates.reduce<DrainEstimate>(
    (worst, estimate) => {
      if (worst.kind === 'draining' && estimate.kind === 'draining') return worst.seconds >= estimate.seconds ? worst : estimate;
      return WORSE.indexOf(estimate.kind) > WORSE.indexOf(worst.kind) ? estimate : worst;
    },
    { kind: 'caught_up' },
  );
}

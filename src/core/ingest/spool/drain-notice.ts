/** What somebody who drains a spool is told while the log is away: once that it is waited for, once that it goes on. */
import type { Clock } from '../../clock.js';
import type { SpoolState } from './spool-mode.js';

/** Looks at each state that it is given. */
export function tellWaiting(
  clock: Pick<Clock, 'nowMs'>,
  onNotice: (text: string) => void,
): (state: Pick<SpoolState, 'mode' | 'problem' | 'events'>) => void {
  let sinceMs: number | null = null;
  return ({ mode, problem, events }) => {
    const isAway = mode === 'spooling' || mode === 'full';
    if (isAway && sinceMs === null && problem !== null) {
      sinceMs = clock.nowMs();
      onNotice(`${problem}; waiting for it, ${events} events stay in the spool`);
    } else if (!isAway && sinceMs !== null) {
      onNotice(`going on after ${((clock.nowMs() - sinceMs) / 1000).toFixed(1)} s of waiting`);
      sinceMs = null;
    }
  };
}

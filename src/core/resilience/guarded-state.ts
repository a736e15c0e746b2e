/** The state store behind a breaker. */
import type { StateStore } from '../state/state-store.js';
import type { Guard } from './guard.js';

export function guardedState(state: StateStore, guard: Guard): StateStore {
  return {
    acquireLease: (...args) => guard(() => state.acquireLease(...args)),
    // Rare, and a refused one costs the lease: an outage of seconds, which opens the breaker for half a minute, would outlast it.
    renewLease: (...args) => state.renewLease(...args),
    releaseLease: (...args) => guard(() => state.releaseLease(...args)),
    readLease: (...args) => guard(() => state.readLease(...args)),
    saveRun: (...args) => guard(() => state.saveRun(...args)),
    listRuns: (...args) => guard(() => state.listRuns(...args)),
    readBreakers: () => guard(() => state.readBreakers()),
    swapBreaker: (...args) => guard(() => state.swapBreaker(...args)),
    addTransition: (...args) => guard(() => state.addTransition(...args)),
    listTransitions: (...args) => guard(() => state.listTransitions(...args)),
    close: () => state.close(),
  };
}

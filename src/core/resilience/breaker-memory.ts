/** Where breakers are kept. */
import type { StateStore, StoredBreaker } from '../state/state-store.js';
import { breakerState, type BreakerState } from './breaker-state.js';
import type { BriefState } from './brief-state.js';

/** A StateStore is one. */
export type BreakerMemory = Pick<StateStore, 'readBreakers' | 'swapBreaker'>;

/** What all processes see. */
export const keptTogether = (state: BriefState): BreakerMemory => ({
  readBreakers: () => state.ask((open) => open.readBreakers()),
  swapBreaker: (breaker) => state.ask((open) => open.swapBreaker(breaker)),
});

/** Of this process alone: the state store's own breaker cannot be kept in the state store. */
export function keptHere(): BreakerMemory {
  const kept = new Map<string, StoredBreaker>();
  return {
    readBreakers: async () => [...kept.values()],
    swapBreaker: async (breaker) => {
      if ((kept.get(breaker.name)?.version ?? 0) !== breaker.version) return false;
      kept.set(breaker.name, { ...breaker, version: breaker.version + 1 });
      return true;
    },
  };
}

/** By name; those that a newer version wrote in a way of its own are left out. */
export async function keptBreakers(memory: Pick<BreakerMemory, 'readBreakers'>): Promise<ReadonlyMap<string, BreakerState>> {
  const kept = new Map<string, BreakerState>();
  for (const { name, state } of await memory.readBreakers()) {
    const parsed = breakerState.safeParse(state);
    if (parsed.success) kept.set(name, parsed.data);
  }
  return kept;
}

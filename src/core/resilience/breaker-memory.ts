/** Where breakers are kept. */
import type { BriefState } from './brief-state.js';
import type { BreakerMemory, KeptBreaker } from './shared-breaker.js';

/** What all processes see. */
export const keptTogether = (state: BriefState): BreakerMemory => ({
  readBreakers: () => state.ask((open) => open.readBreakers()),
  swapBreaker: (breaker) => state.ask((open) => open.swapBreaker(breaker)),
});

/** Of this process alone: the state store's own breaker cannot be kept in the state store. */
export function keptHere(): BreakerMemory {
  const kept = new Map<string, KeptBreaker>();
  return {
    readBreakers: async () => [...kept.values()],
    swapBreaker: async (breaker) => {
      if ((kept.get(breaker.name)?.version ?? 0) !== breaker.version) return false;
      kept.set(breaker.name, { ...breaker, version: breaker.version + 1 });
      return true;
    },
  };
}

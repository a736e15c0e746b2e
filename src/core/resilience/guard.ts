/** A breaker as adapters and their wrappers see it: something that runs a call, or refuses it. */

/** Runs the work, or throws KS_CIRCUIT_OPEN at once. Its failures count where they may pass by themselves; all else is an answer. */
export type Guard = <T>(work: () => Promise<T>) => Promise<T>;

/** For adapters on this machine, and wherever nobody counts. */
export const UNGUARDED: Guard = (work) => work();

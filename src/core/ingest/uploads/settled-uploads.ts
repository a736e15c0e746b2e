/**
 * Tells uploads that are complete from those that somebody still writes: size, time and inode must have stood still for a while.
 * The while is added up from the waits between two looks, so a clock that jumps settles nothing.
 */
import type { Upload } from './upload-folder.js';

export interface SettledUploads {
  /** Those of `found` that stood still for the settle time; `waitedMs` is how long ago the last look was. */
  look(found: readonly Upload[], waitedMs: number): readonly Upload[];
}

interface Seen {
  readonly state: string;
  readonly stillMs: number;
}

export function createSettledUploads(settleMs: number): SettledUploads {
  let seen: ReadonlyMap<string, Seen> = new Map();
  return {
    look(found, waitedMs) {
      const now = new Map<string, Seen>();
      for (const { name, state } of found) {
        const before = seen.get(name);
        now.set(name, { state, stillMs: before?.state === state ? before.stillMs + waitedMs : 0 });
      }
      seen = now;
      return found.filter(({ name }) => (now.get(name)?.stillMs ?? 0) >= settleMs);
    },
  };
}

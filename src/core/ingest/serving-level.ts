/** The level of degradation as a server shows it in its health and its lines: looked up beside its work, which never waits for it. */
import type { Clock } from '../clock.js';
import type { Degradation, Level } from '../resilience/degradation.js';

export interface ServingLevel {
  /** `unknown`: nobody could tell, a moment ago. */
  readonly level: Level | 'unknown';
  /** Null while it is unknown. */
  readonly mode: Degradation['mode'] | null;
  /** Services that are away, or were a moment ago. */
  readonly away: readonly string[];
}

export interface LevelWatch {
  /** As of the last answer; costs nothing. */
  now(): ServingLevel;
  close(): Promise<void>;
}

export interface LevelWatchOptions {
  /** Null: nobody can tell. One question at a time. */
  readonly ask: () => Promise<Degradation | null>;
  readonly clock: Clock;
  /** The level is another than the one that was known last, or was not full at the start; not knowing is no change. */
  readonly onChange: (level: Degradation, from: Level) => void;
}

const UNKNOWN_LEVEL: ServingLevel = { level: 'unknown', mode: null, away: [] };
/** Between an answer and the next question. */
const EVERY_MS = 1000;

export function watchLevel({ ask, clock, onChange }: LevelWatchOptions): LevelWatch {
  const over = new AbortController();
  let now = UNKNOWN_LEVEL;
  let known: Level = 'full';
  const looking = (async () => {
    while (!over.signal.aborted) {
      const found = await ask().catch(() => null);
      if (over.signal.aborted) return;
      now = found === null ? UNKNOWN_LEVEL : { level: found.level, mode: found.mode, away: found.away };
      if (found !== null && found.level !== known) {
        const from = known;
        known = found.level;
        onChange(found, from);
      }
      await clock.sleep(EVERY_MS, over.signal);
    }
  })();
  return {
    now: () => now,
    close: async () => {
      over.abort();
      await looking;
    },
  };
}

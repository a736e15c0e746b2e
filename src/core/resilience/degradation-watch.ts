/** The level of degradation as this process sees it: looked up every few seconds at most, and noted where it changed. */
import type { ProfileConfig } from '../config/config.js';
import type { Effects } from '../lakehouse.js';
import type { BreakerState } from './breaker-state.js';
import type { BriefState } from './brief-state.js';
import { LEVELS, NOT_DEGRADED, type Degradation } from './degradation.js';
import { noteDegradation, type DegradationMemory } from './kept-degradation.js';

export interface DegradationWatch {
  /** Null: nobody can tell now. Never throws, never waits for long. */
  now(): Promise<Degradation | null>;
  /** Something changed: looks at once, so that a change of the level is noted while it is fresh. */
  lookAgain(): void;
}

export interface DegradationWatchOptions {
  readonly effects: Effects;
  readonly profile: ProfileConfig;
  readonly state: BriefState<DegradationMemory>;
  /** Whether there is a state store to ask; one that is not there yet knows of no degradation, and is not made for this. */
  readonly isThere: () => Promise<boolean>;
  /** The state store's own breaker, where it has one. */
  readonly own: () => BreakerState | null;
}

const FRESH_MS = 2000;

export function degradationWatch({ effects, profile, state, isThere, own }: DegradationWatchOptions): DegradationWatch {
  const { clock, logger, metrics } = effects;
  let known: { readonly degradation: Degradation | null; readonly atMs: number } | undefined;
  let looking: Promise<Degradation | null> | undefined;

  const look = async (): Promise<Degradation | null> => {
    if (!(await isThere())) return NOT_DEGRADED;
    const { degradation, change } = await state.ask((open) =>
      noteDegradation(open, { atMs: clock.nowMs(), profile, own: own() }),
    );
    metrics?.gauge('keystone_degradation_level', LEVELS.indexOf(degradation.level));
    if (change) {
      const { from, to } = change;
      const { mode, causes } = degradation;
      logger?.[to === 'full' ? 'info' : 'warn']('degradation.changed', { from, to, mode, causes });
    }
    return degradation;
  };

  const now = async (): Promise<Degradation | null> => {
    const ageMs = known === undefined ? Infinity : clock.nowMs() - known.atMs;
    if (known !== undefined && ageMs >= 0 && ageMs < FRESH_MS) return known.degradation;
    looking ??= look()
      .catch(() => null)
      .then((degradation) => {
        known = { degradation, atMs: clock.nowMs() };
        return degradation;
      })
      .finally(() => (looking = undefined));
    return looking;
  };

  return {
    now,
    lookAgain: () => {
      known = undefined;
      void now();
    },
  };
}

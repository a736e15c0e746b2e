/**
 * What the level of degradation holds back of a consumer's work. Landing stops only where a person said so: by itself it is refused by the
 * breakers, and its tries are what finds out that a service is back.
 */
import type { Lakehouse } from '../lakehouse.js';
import { allowanceAt, type Degradation } from '../resilience/degradation.js';
import { requireAllowed } from '../resilience/require-allowed.js';
import type { ConsumeOptions } from './consume-options.js';

export interface HeldWork {
  /** Whether landing waits now; a run that ends when it is caught up throws KS_DEGRADED instead of waiting. */
  landing(): Promise<boolean>;
  /** The same for deriving. */
  derivation(): Promise<boolean>;
  /** Whether tables are left as they are for now. */
  care(): Promise<boolean>;
}

type Held = 'landing' | 'derivation' | 'care';

export function heldWork(lakehouse: Lakehouse, { untilCaughtUp, onNotice }: ConsumeOptions): HeldWork {
  const { logger } = lakehouse.effects;
  const held = new Set<Held>();

  /** Told once when it begins, once when it ends. */
  const tell = (work: Held, isHeld: boolean, found: Degradation | null): boolean => {
    if (isHeld === held.has(work)) return isHeld;
    if (isHeld) held.add(work);
    else held.delete(work);
    const level = found?.level ?? 'full';
    logger?.[isHeld ? 'warn' : 'info'](isHeld ? 'consume.held' : 'consume.released', { work, level });
    if (work !== 'care') {
      const why = `the level of degradation is ${level}${isHeld ? ` (${found?.causes.join('; ')})` : ''}`;
      onNotice?.(isHeld ? `${work} waits: ${why}; nothing is lost` : `${work} goes on: ${why}`);
    }
    return isHeld;
  };

  return {
    landing: async () => {
      const found = await lakehouse.degradation();
      if (found?.mode !== 'manual') return tell('landing', false, found);
      if (untilCaughtUp) requireAllowed(found, 'landing', 'nothing is landed', { hint: STOPPED_HINT });
      return tell('landing', allowanceAt(found.level, 'landing') === 'off', found);
    },
    derivation: async () => {
      const found = await lakehouse.degradation();
      // What ends by itself is waited for as long as its patience says, whatever is away.
      if (found === null || (untilCaughtUp && found.mode !== 'manual')) return tell('derivation', false, found);
      if (untilCaughtUp) requireAllowed(found, 'derivation', 'nothing is derived', { hint: STOPPED_HINT });
      return tell('derivation', allowanceAt(found.level, 'derivation') === 'off', found);
    },
    care: async () => {
      const found = await lakehouse.degradation();
      return tell('care', found !== null && allowanceAt(found.level, 'care') === 'off', found);
    },
  };
}

const STOPPED_HINT = 'keystone degrade status says who set it; keystone degrade auto ends it, and the same command goes on';

/** Breakers by hand: tripped, one stays open until it is reset; reset, one is closed and counts anew. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { randomHexId } from '../table/random-names.js';
import { keptBreakers } from './breaker-memory.js';
import { closedBreaker, trippedBreaker, type BreakerState } from './breaker-state.js';
import type { Level } from './degradation.js';
import { adapterOf, isGuarded, type GuardedService } from './guarded-service.js';
import { noteDegradation } from './kept-degradation.js';
import { guardedService } from './look-at-breakers.js';
import { breakerSubject } from './open-breakers.js';

export interface SwitchBreaker {
  readonly name: string;
  readonly to: 'tripped' | 'closed';
  /** Who does it, e.g. `ann@host`. */
  readonly by: string;
  readonly reason: string | null;
  readonly dryRun: boolean;
}

export interface SwitchedBreaker {
  readonly name: GuardedService;
  readonly from: BreakerState['kind'];
  readonly to: 'open' | 'closed';
  /** False when it was so already, or for a dry run. */
  readonly changed: boolean;
  readonly dryRun: boolean;
  /** In force now. */
  readonly level: Level;
}

const SWAPS_TRIED = 50;

/** Throws KS_NOT_FOUND for no breaker's name, KS_USAGE for a service that has none that could be switched from here, KS_STATE. */
export async function switchBreaker(
  lakehouse: Lakehouse,
  { name, to, by, reason, dryRun }: SwitchBreaker,
): Promise<SwitchedBreaker> {
  const { config, effects } = lakehouse;
  const service = guardedService(name);
  if (!isGuarded(config.profile, service)) {
    throw new KeystoneError(
      'KS_USAGE',
      `${service} has no breaker: profile ${config.profileName} keeps it on this machine (${adapterOf(config.profile, service)})`,
      { hint: 'keystone breaker list' },
    );
  }
  if (service === 'state') {
    throw new KeystoneError('KS_USAGE', 'the breaker of the state store lives in each process alone, and cannot be switched', {
      hint: 'keystone degrade set holds the work of all processes back',
    });
  }
  const state = await lakehouse.state();
  for (let tries = 1; ; tries += 1) {
    const found = (await state.readBreakers()).find((breaker) => breaker.name === service);
    const before = (await keptBreakers(state)).get(service) ?? closedBreaker(effects.clock.nowMs());
    const atMs = effects.clock.nowMs();
    const next = to === 'tripped' ? trippedBreaker(atMs) : closedBreaker(atMs);
    const isSo = before.kind === next.kind && (before.kind !== 'open' || before.cause === 'tripped');
    const result = { name: service, from: before.kind, to: next.kind as 'open' | 'closed', dryRun };
    if (dryRun || isSo) {
      const { degradation } = await noteDegradation(state, { atMs, profile: config.profile });
      return { ...result, changed: false, level: degradation.level };
    }
    if (await state.swapBreaker({ name: service, version: found?.version ?? 0, state: next })) {
      const id = randomHexId(effects.randomBytes);
      const detail = { by, reason, ...(to === 'tripped' ? { cause: 'tripped' } : { cause: 'reset' }) };
      await state.addTransition({ id, subject: breakerSubject(service), atMs, from: before.kind, to: next.kind, detail });
      const { degradation } = await noteDegradation(state, { atMs, profile: config.profile });
      return { ...result, changed: true, level: degradation.level };
    }
    if (tries >= SWAPS_TRIED) {
      throw new KeystoneError('KS_STATE', `the breaker "${service}" changes too often to be switched`, {
        hint: `keystone breaker show ${service}`,
      });
    }
  }
}

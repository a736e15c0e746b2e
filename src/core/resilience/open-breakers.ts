/**
 * The breakers of one process: one for each service of the profile that lies on another machine, kept in the state store so that what opens
 * here refuses there. Each change is logged, counted, and kept.
 */
import type { ProfileConfig } from '../config/config.js';
import type { Effects } from '../lakehouse.js';
import { randomHexId } from '../table/random-names.js';
import { keptHere, keptTogether } from './breaker-memory.js';
import { BREAKER_POLICY, breakerCalls, type BreakerState } from './breaker-state.js';
import type { BriefState } from './brief-state.js';
import { UNGUARDED, type Guard } from './guard.js';
import { isFailureOf, isGuarded, type GuardedService } from './guarded-service.js';
import { serviceAddress } from './service-address.js';
import { sharedBreaker } from './shared-breaker.js';

export interface Breakers {
  /** What calls of this service go through. */
  guard(service: GuardedService): Guard;
  /** What this process knows of the state store's breaker, which is its own alone. */
  ownState(): BreakerState | null;
  /** Resolves once every change that was noted is kept, or could not be. */
  settled(): Promise<void>;
}

export interface BreakersOptions {
  readonly profile: ProfileConfig;
  readonly effects: Effects;
  readonly state: BriefState;
  /** Told after each change of a breaker. */
  readonly onChange?: () => void;
}

/** Subject of a breaker's transitions in the state store. */
export const breakerSubject = (name: string): string => `breaker/${name}`;

/**
 * A log that does not answer is waited for patiently by its adapter, longer than a breaker's window: without this an outage would never
 * open it. Longer than a change of leaders takes.
 */
const LATE_MS: Partial<Record<GuardedService, number>> = { log: 15_000 };

const EVENTS = { open: 'breaker.opened', 'half-open': 'breaker.half_open', closed: 'breaker.closed' } as const;
const GAUGE = { closed: 0, 'half-open': 1, open: 2 } as const;

export function openBreakers({ profile, effects, state, onChange }: BreakersOptions): Breakers {
  const { clock, processName, logger, metrics, randomBytes } = effects;
  const guards = new Map<GuardedService, Guard>();
  const pending = new Set<Promise<void>>();
  let ownState: BreakerState | null = null;

  const note = (service: GuardedService, from: BreakerState, to: BreakerState): void => {
    const cause = to.kind === 'open' ? to.cause : '';
    const fields = { breaker: service, from: from.kind, ...(cause === '' ? {} : { cause }) };
    logger?.[to.kind === 'open' ? 'warn' : 'info'](EVENTS[to.kind], fields);
    const id = randomHexId(randomBytes);
    const change = { id, subject: breakerSubject(service), atMs: clock.nowMs(), from: from.kind, to: to.kind };
    // Which of the others were there is the history's to tell; the state store being away loses a line of it.
    const kept = state
      .ask((open) => open.addTransition({ ...change, detail: { by: processName, ...(cause === '' ? {} : { cause }) } }))
      .catch(() => undefined)
      .finally(() => pending.delete(kept));
    pending.add(kept);
    onChange?.();
  };

  return {
    guard: (service) => {
      if (!isGuarded(profile, service)) return UNGUARDED;
      const known = guards.get(service);
      if (known) return known;
      const lateMs = LATE_MS[service];
      const breaker = sharedBreaker({
        name: service,
        service: serviceAddress(profile, service),
        memory: service === 'state' ? keptHere() : keptTogether(state),
        clock,
        processName,
        isFailure: (error) => isFailureOf(service, error),
        ...(lateMs === undefined ? {} : { lateMs }),
        onState: (now) => {
          if (service === 'state') ownState = now;
          const { calls, failed } = breakerCalls(BREAKER_POLICY, now, clock.nowMs());
          metrics?.gauge('keystone_breaker_state', GAUGE[now.kind], { service });
          if (now.kind === 'closed')
            metrics?.gauge('keystone_breaker_failure_ratio', calls === 0 ? 0 : failed / calls, { service });
        },
        onChange: (from, to) => note(service, from, to),
      });
      const guard: Guard = (work) => breaker.run(work);
      guards.set(service, guard);
      return guard;
    },
    ownState: () => ownState,
    settled: async () => {
      await Promise.all(pending);
    },
  };
}

/** Every breaker of the profile: what it is doing, since when, why, and what it has seen of late. */
import { isoTime } from '../clock.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { nearestName } from '../nearest-name.js';
import type { Transition } from '../state/state-store.js';
import { keptBreakers } from './breaker-memory.js';
import { BREAKER_POLICY, breakerCalls, type BreakerState } from './breaker-state.js';
import { adapterOf, GUARDED_SERVICES, isGuarded, NAMED_ENGINES, type GuardedService } from './guarded-service.js';
import { breakerSubject } from './open-breakers.js';
import { serviceAddress } from './service-address.js';

/** Times are ISO 8601 in UTC; null: there is none, or nothing is known. */
export interface BreakerView {
  readonly name: GuardedService;
  /** Of the service in this profile, e.g. `s3`. */
  readonly adapter: string;
  /** `none`: the adapter lies on this machine. `each process`: the state store's own, which nobody else can know. */
  readonly state: 'closed' | 'open' | 'half-open' | 'none' | 'each process';
  readonly since: string | null;
  /** Of the window of a minute: calls, share that failed (0 to 1), mean time of a call. */
  readonly calls: number;
  readonly failureRate: number | null;
  readonly latencyMs: number | null;
  readonly cause: string | null;
  /** The failure that opened it, or that a probe met, in words; null while it is closed. */
  readonly lastFailure: string | null;
  /** When an open one lets the next probe through; null also when it waits for a reset. */
  readonly nextProbe: string | null;
}

export interface BreakerChange {
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly by: string | null;
  readonly cause: string | null;
  readonly reason: string | null;
}

export interface BreakerDetail extends BreakerView {
  /** e.g. `kafka at 127.0.0.1:9092`. */
  readonly service: string;
  readonly policy: typeof BREAKER_POLICY;
  /** Newest first. */
  readonly history: readonly BreakerChange[];
}

export async function listBreakers(lakehouse: Lakehouse): Promise<readonly BreakerView[]> {
  const anyGuarded = GUARDED_SERVICES.some((name) => isGuarded(lakehouse.config.profile, name));
  // Where nothing is guarded there may be no state store yet, and none is made for this.
  const kept = anyGuarded ? await keptBreakers(await lakehouse.state()) : new Map<string, BreakerState>();
  // Of the engines beside the profile's those that were asked.
  const asked = NAMED_ENGINES.filter((name) => kept.has(name));
  return [...GUARDED_SERVICES, ...asked].map((name) => viewOf(lakehouse, name, kept));
}

export async function showBreaker(lakehouse: Lakehouse, name: string, changes: number): Promise<BreakerDetail> {
  const service = guardedService(name);
  const listed = (await listBreakers(lakehouse)).find((breaker) => breaker.name === service);
  const view = listed ?? viewOf(lakehouse, service, new Map());
  const history =
    view.state === 'none'
      ? []
      : await (await lakehouse.state()).listTransitions({ subject: breakerSubject(service), limit: changes });
  return {
    ...view,
    service: serviceAddress(lakehouse.config.profile, service),
    policy: BREAKER_POLICY,
    history: history.map(changeOf),
  };
}

/** Throws KS_NOT_FOUND for a name that no service has. */
export function guardedService(name: string): GuardedService {
  const found = [...GUARDED_SERVICES, ...NAMED_ENGINES].find((service) => service === name);
  if (found) return found;
  const near = nearestName(name, GUARDED_SERVICES);
  throw new KeystoneError('KS_NOT_FOUND', `there is no breaker "${name}": they are ${GUARDED_SERVICES.join(', ')}`, {
    hint: near === undefined ? 'keystone breaker list' : `did you mean ${near}? keystone breaker show ${near}`,
  });
}

function viewOf({ config, effects }: Lakehouse, name: GuardedService, kept: ReadonlyMap<string, BreakerState>): BreakerView {
  const adapter = adapterOf(config.profile, name);
  const unknown = { since: null, calls: 0, failureRate: null, latencyMs: null, cause: null, lastFailure: null, nextProbe: null };
  if (!isGuarded(config.profile, name)) return { name, adapter, state: 'none', ...unknown };
  if (name === 'state') return { name, adapter, state: 'each process', ...unknown };
  const state = kept.get(name);
  if (!state) return { name, adapter, state: 'closed', ...unknown };
  const { calls, failed, busyMs } = breakerCalls(BREAKER_POLICY, state, effects.clock.nowMs());
  return {
    name,
    adapter,
    state: state.kind,
    since: isoTime(state.sinceMs),
    calls,
    failureRate: calls === 0 ? null : Math.round((failed / calls) * 1000) / 1000,
    latencyMs: calls === 0 ? null : Math.round(busyMs / calls),
    cause: state.kind === 'open' ? state.cause : null,
    lastFailure: state.kind === 'closed' ? null : state.lastFailure,
    nextProbe: state.kind === 'open' && state.untilMs !== null ? isoTime(state.untilMs) : null,
  };
}

function changeOf({ atMs, from, to, detail }: Transition): BreakerChange {
  const text = (name: string): string | null => {
    const value = typeof detail === 'object' && detail !== null ? (detail as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' ? value : null;
  };
  return { at: isoTime(atMs), from, to, by: text('by'), cause: text('cause'), reason: text('reason') };
}

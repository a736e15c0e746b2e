/**
 * The level of degradation as the state store keeps it. Nothing is stored but what happened: who set a level, who reported a signal, when
 * the level in force changed; the newest of each holds.
 */
import { z } from 'zod';
import type { ProfileConfig } from '../config/config.js';
import type { StateStore, Transition } from '../state/state-store.js';
import { keptBreakers } from './breaker-memory.js';
import type { BreakerState } from './breaker-state.js';
import { degradationOf, LEVELS, SIGNALS, type Degradation, type Level, type SetLevel, type Signal } from './degradation.js';
import { GUARDED_SERVICES, isGuarded } from './guarded-service.js';

const WORD = 'degradation/set';
const IN_FORCE = 'degradation/level';
const SIGNAL = 'degradation/signal/';
/** Of all transitions of degradation. */
export const DEGRADATION_PREFIX = 'degradation/';

const byWhom = z.object({ by: z.string(), reason: z.string().nullable(), untilMs: z.number().nullable() });

/** As much of a state store as the level takes; without `addTransition` a change is left for others to write down. */
export type DegradationMemory = Pick<StateStore, 'readBreakers' | 'listTransitions'> & Partial<Pick<StateStore, 'addTransition'>>;

export interface KeptDegradation {
  readonly degradation: Degradation;
  /** Null when the level is the one that was last written down, else what to write. */
  readonly change: Transition | null;
}

export interface Onlooker {
  readonly atMs: number;
  /** Only breakers of services that it has on other machines count: projects may share a state store between profiles. */
  readonly profile: ProfileConfig;
  /** The state store's breaker, which only its process knows. */
  readonly own?: BreakerState | null;
}

/** Reads the level and writes down that it changed, where it did. */
export async function noteDegradation(state: DegradationMemory, onlooker: Onlooker): Promise<KeptDegradation> {
  const read = await readDegradation(state, onlooker);
  if (read.change) await state.addTransition?.(read.change);
  return read;
}

async function readDegradation(state: DegradationMemory, { atMs, profile, own = null }: Onlooker): Promise<KeptDegradation> {
  const [kept, [word], signals, [last]] = await Promise.all([
    keptBreakers(state),
    state.listTransitions({ subject: WORD, limit: 1 }),
    state.listTransitions({ subjectPrefix: SIGNAL, limit: 50 }),
    state.listTransitions({ subject: IN_FORCE, limit: 1 }),
  ]);
  const guarded = GUARDED_SERVICES.filter((service) => isGuarded(profile, service));
  const breakers = new Map([...kept].filter(([name]) => guarded.some((service) => service === name)));
  if (own) breakers.set('state', own);
  const degradation = degradationOf({ breakers, set: setLevelOf(word), signals: newestSignals(signals), atMs });
  const before = last?.to ?? 'full';
  const { level, mode, causes } = degradation;
  if (level === before) return { degradation, change: null };
  // The same change, noticed by several processes, is written once.
  const id = `${IN_FORCE}/${last?.atMs ?? 0}/${before}-${level}`;
  return { degradation, change: { id, subject: IN_FORCE, atMs, from: before, to: level, detail: { mode, causes } } };
}

function setLevelOf(word: Transition | undefined): SetLevel | null {
  const [level, detail] = [LEVELS.find((name) => name === word?.to), byWhom.safeParse(word?.detail)];
  return level === undefined || !detail.success ? null : { level, ...detail.data };
}

function newestSignals(transitions: readonly Transition[]): readonly Signal[] {
  return SIGNALS.flatMap((name) => {
    const newest = transitions.find(({ subject }) => subject === `${SIGNAL}${name}`);
    const detail = byWhom.safeParse(newest?.detail);
    if (newest?.to !== 'on' || !detail.success || detail.data.untilMs === null) return [];
    return [{ name, ...detail.data, untilMs: detail.data.untilMs }];
  });
}

/** Who does it, when, and a name that makes writing it repeatable. */
export interface Author {
  readonly id: string;
  readonly atMs: number;
  readonly by: string;
  readonly reason: string | null;
}

/** Null: what follows by itself holds again. */
export async function setLevel(
  state: StateStore,
  level: Level | null,
  { id, atMs, by, reason }: Author,
  untilMs: number | null,
): Promise<void> {
  const [word] = await state.listTransitions({ subject: WORD, limit: 1 });
  const to = level ?? 'automatic';
  await state.addTransition({ id, subject: WORD, atMs, from: word?.to ?? 'automatic', to, detail: { by, reason, untilMs } });
}

/** `untilMs` null: it is over. */
export async function reportSignal(
  state: StateStore,
  name: Signal['name'],
  { id, atMs, by, reason }: Author,
  untilMs: number | null,
): Promise<void> {
  const [from, to] = untilMs === null ? ['on', 'off'] : ['off', 'on'];
  await state.addTransition({ id, subject: `${SIGNAL}${name}`, atMs, from, to, detail: { by, reason, untilMs } });
}

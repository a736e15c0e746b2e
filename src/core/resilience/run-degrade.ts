/** What `degrade` does: says the level and what it leaves, sets one, lets it follow by itself, reports what no breaker can know. */
import { isoTime } from '../clock.js';
import type { Lakehouse } from '../lakehouse.js';
import { randomHexId } from '../table/random-names.js';
import {
  ALLOWANCES,
  allowanceAt,
  happensNow,
  type Activity,
  type Degradation,
  type Level,
  type SignalName,
} from './degradation.js';
import { DEGRADATION_PREFIX, noteDegradation, reportSignal, setLevel } from './kept-degradation.js';

export interface DegradationChange {
  readonly at: string;
  /** `level`: the level in force; `set`: what a person said; `signal/…`: what was reported. */
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

export interface DegradationStatus extends Degradation {
  /** What is left of each activity now; `tries`: it goes on as far as the services answer. */
  readonly activities: readonly {
    readonly activity: Activity;
    readonly now: string;
    readonly full: string;
    readonly note: string;
  }[];
  /** Newest first. */
  readonly history: readonly DegradationChange[];
}

/** Writes down a change of the level that nobody noticed yet. Throws KS_STATE when the state store is away. */
export async function degradationStatus(lakehouse: Lakehouse, changes: number): Promise<DegradationStatus> {
  const state = await lakehouse.state();
  const { degradation } = await noteDegradation(state, {
    atMs: lakehouse.effects.clock.nowMs(),
    profile: lakehouse.config.profile,
  });
  const history = await state.listTransitions({ subjectPrefix: DEGRADATION_PREFIX, limit: changes });
  return {
    ...degradation,
    activities: (Object.keys(ALLOWANCES) as Activity[]).map((activity) => ({
      activity,
      full: allowanceAt('full', activity),
      ...happensNow(degradation, activity),
    })),
    history: history.map(({ subject, atMs, from, to, detail }) => ({
      at: isoTime(atMs),
      what: subject.slice(DEGRADATION_PREFIX.length),
      from,
      to,
      why: whyOf(detail),
    })),
  };
}

export interface Degrading {
  /** Null: for good, until it is taken back. */
  readonly forMs: number | null;
  /** e.g. `ann@host`. */
  readonly by: string;
  readonly reason: string | null;
}

/** `level` null: what follows by itself holds again. Returns what holds now. */
export async function degradeTo(
  lakehouse: Lakehouse,
  level: Level | null,
  { forMs, by, reason }: Degrading,
): Promise<Degradation> {
  const { state, author, atMs } = await writing(lakehouse, by, reason);
  await setLevel(state, level, author, level === null || forMs === null ? null : atMs + forMs);
  return (await noteDegradation(state, { atMs, profile: lakehouse.config.profile })).degradation;
}

/** `forMs` null: it is over. */
export async function signalDegradation(
  lakehouse: Lakehouse,
  name: SignalName,
  { forMs, by, reason }: Degrading,
): Promise<Degradation> {
  const { state, author, atMs } = await writing(lakehouse, by, reason);
  await reportSignal(state, name, author, forMs === null ? null : atMs + forMs);
  return (await noteDegradation(state, { atMs, profile: lakehouse.config.profile })).degradation;
}

async function writing({ effects, state }: Lakehouse, by: string, reason: string | null) {
  const atMs = effects.clock.nowMs();
  const id = randomHexId(effects.randomBytes);
  return { state: await state(), atMs, author: { id, atMs, by, reason } };
}

function whyOf(detail: unknown): string {
  if (typeof detail !== 'object' || detail === null) return '';
  const { by, reason, causes, untilMs } = detail as Readonly<Record<string, unknown>>;
  const told = Array.isArray(causes) ? causes.map(String) : [by, reason].filter((word) => typeof word === 'string');
  return [...told, ...(typeof untilMs === 'number' ? [`until ${isoTime(untilMs)}`] : [])].join('; ');
}

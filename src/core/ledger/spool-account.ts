/**
 * What the spool of this machine adds to the account: events that were acknowledged while the log was away and are not in it yet. It is
 * read before the log is, beside the servers that write it, so an event on its way from one to the other is seen at least once.
 */
import path from 'node:path';
import type { ResolvedConfig } from '../config/config.js';
import { messageOf, isKeystoneError, KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { EventLog } from '../log/event-log.js';
import { isTransientFailure } from '../resilience/transient-failure.js';
import { slotFront, type DoubtfulBatch, type SlotLook } from '../spool/look-at-slot.js';
import { findSlots, steadyLook, type FoundSlot, type FoundSlots } from '../spool/look-at-spool.js';
import type { AccountBreak } from './account.js';

/** Events in one slot: what one server process has kept. */
export interface SlotAccount {
  readonly topic: string;
  readonly slot: string;
  readonly events: number;
  readonly bytes: number;
  /** When the oldest of them was accepted: ISO 8601. */
  readonly oldestAt: string | null;
  /** Of the events: sent already, without a mark that the log has them. */
  readonly inDoubt: number;
  /** Of those, what the log has; null: it was not asked, or could not tell. */
  readonly inLog: number | null;
}

/** Events in the spool of this machine; servers on other machines have spools of their own. */
export interface SpoolAccount extends Omit<SlotAccount, 'topic' | 'slot'> {
  /** Where it lies on this machine. */
  readonly folder: string;
  /** False: no server of this machine has ever kept an event. */
  readonly isThere: boolean;
  /** How long the oldest of them has waited by now, in ms. */
  readonly oldestAgeMs: number | null;
  /** Events went from it into the log while the account was taken: some of them may be in both. */
  readonly isDraining: boolean;
  /** Those that hold events. */
  readonly slots: readonly SlotAccount[];
}

/** Between the two halves of an account: the spool was looked at, the log was not yet. */
export interface SpoolBefore {
  /** Null: the log of this profile has no spool, and none was left on this machine. */
  readonly account: SpoolAccount | null;
  readonly breaks: readonly AccountBreak[];
  readonly warnings: readonly string[];
  readonly looks: readonly { readonly found: FoundSlot; readonly look: SlotLook }[];
}

/** How long the log is asked for one batch. */
const FIND_MS = 10_000;

/** Reads every slot, file by file; what is damaged is a break, and what is whole is counted all the same. */
export async function lookBeforeLog({ config, effects }: Pick<Lakehouse, 'config' | 'effects'>): Promise<SpoolBefore> {
  const { profile, ingest, profileName, projectDir } = config;
  const found = await findSlots(path.resolve(projectDir, ingest.spool.path), profileName);
  const looks: { readonly found: FoundSlot; readonly look: SlotLook }[] = [];
  for (const slot of found.slots) looks.push({ found: slot, look: await steadyLook(slot.folder) });
  const breaks = looks.flatMap(({ found: { topic, slot }, look: { problems } }) =>
    problems.map((problem): AccountBreak => {
      return { kind: 'spool', table: `${topic}/${slot}`, detail: problem, count: 1, offsets: [] };
    }),
  );
  const warnings = [
    ...found.unreadable.map((problem) => `${problem}: events that wait there are missing from this account`),
    ...looks.flatMap(({ found: { topic, slot }, look: { mend } }) => (mend === null ? [] : [`${topic}/${slot}: ${mend}`])),
    ...looks.flatMap(({ found: { topic, slot }, look: { notes } }) => notes.map((note) => `${topic}/${slot}: ${note}`)),
  ];
  const hasSpool = profile.log.adapter !== 'embedded';
  if (!hasSpool && looks.length === 0 && found.unreadable.length === 0) return { account: null, breaks, warnings, looks };
  const account = accountOf(found, looks, { inLog: new Map(), nowMs: effects.clock.nowMs() });
  return { account, breaks, warnings: [...warnings, ...forgotten(account, config)], looks };
}

/**
 * The same once the log was read: whether a drain went on meanwhile and, `deep`, which of the events in doubt the log has.
 * Never throws for the log's sake.
 */
export async function lookAfterLog(
  lakehouse: Lakehouse,
  { account, breaks, warnings, looks }: SpoolBefore,
  { deep }: { readonly deep: boolean },
): Promise<Omit<SpoolBefore, 'looks'>> {
  if (!account || account.events === 0) return { account, breaks, warnings };
  let isDraining = false;
  for (const { found, look } of looks) {
    const front = await slotFront(found.folder).catch(() => look.front);
    if (front?.file !== look.front?.file || front?.at !== look.front?.at) isDraining ||= look.events > 0;
  }
  if (!deep || account.inDoubt === 0) return { account: { ...account, isDraining }, breaks, warnings };
  const log = await lakehouse.log();
  const nowMs = lakehouse.effects.clock.nowMs();
  const inLog = new Map<string, number>();
  const more: string[] = [];
  for (const { found, look } of looks) {
    try {
      const known = await eventsInLog(log, found.topic, look.inDoubt);
      if (known !== null) inLog.set(found.folder, known);
    } catch (error) {
      more.push(`${found.topic}/${found.slot}: the log was not asked which of its events it has (${messageOf(error)})`);
    }
  }
  const parts: Pick<FoundSlots, 'folder' | 'isThere'> = account;
  return { account: { ...accountOf(parts, looks, { inLog, nowMs }), isDraining }, breaks, warnings: [...warnings, ...more] };
}

/** Null: this log does not know batches by name. */
async function eventsInLog(log: EventLog, topic: string, batches: readonly DoubtfulBatch[]): Promise<number | null> {
  if (!log.named) return null;
  let events = 0;
  for (const batch of batches) if ((await log.named.find(topic, batch, FIND_MS)) !== null) events += batch.count;
  return events;
}

/** An account that cannot be taken because the log is away still says what waits in the spool. */
export function awayBesideSpool(error: unknown, account: SpoolAccount | null): unknown {
  if (!account || account.events === 0 || !isKeystoneError(error) || !isTransientFailure(error)) return error;
  const oldest = account.oldestAt === null ? '' : `, the oldest since ${account.oldestAt}`;
  return new KeystoneError(
    error.code,
    `${error.message}; ${account.events} accepted events wait in the spool of this machine${oldest}`,
    {
      hint: error.hint ?? 'keystone ingest spool status',
      details: { ...error.details, spooledEvents: account.events, spooledBytes: account.bytes, spooledSince: account.oldestAt },
      cause: error,
    },
  );
}

function accountOf(
  { folder, isThere }: Pick<FoundSlots, 'folder' | 'isThere'>,
  looks: SpoolBefore['looks'],
  { inLog, nowMs }: { readonly inLog: ReadonlyMap<string, number>; readonly nowMs: number },
): SpoolAccount {
  const slots = looks.flatMap(({ found, look }): readonly SlotAccount[] => {
    const { topic, slot } = found;
    const { events, bytes, oldestMs } = look;
    if (events === 0) return [];
    const inDoubt = look.inDoubt.reduce((sum, { count }) => sum + count, 0);
    return [{ topic, slot, events, bytes, oldestAt: isoTime(oldestMs), inDoubt, inLog: inLog.get(found.folder) ?? null }];
  });
  const sum = (of: 'events' | 'bytes' | 'inDoubt'): number => slots.reduce((total, slot) => total + slot[of], 0);
  const oldestAt = slots.flatMap((slot) => slot.oldestAt ?? []).toSorted()[0] ?? null;
  const known = slots.map((slot) => slot.inLog);
  return {
    folder,
    isThere,
    events: sum('events'),
    bytes: sum('bytes'),
    oldestAt,
    oldestAgeMs: oldestAt === null ? null : Math.max(0, nowMs - Date.parse(oldestAt)),
    inDoubt: sum('inDoubt'),
    inLog: slots.length === 0 || known.includes(null) ? null : known.reduce<number>((total, one) => total + (one ?? 0), 0),
    isDraining: false,
    slots,
  };
}

/** Events that no server of this configuration would ever take up. */
function forgotten({ slots, events }: SpoolAccount, { profile, ingest }: ResolvedConfig): readonly string[] {
  if (events === 0) return [];
  const drain = 'keystone ingest spool drain';
  if (profile.log.adapter === 'embedded')
    return [
      `${events} events wait in a spool, and the log of this profile takes none from it: ${drain} under the one that kept them`,
    ];
  if (ingest.spool.patience === 0)
    return [
      `${events} events wait in a spool that ingest.spool.patience 0 switches off: ${drain} --set ingest.spool.patience=5s`,
    ];
  const others = slots.filter(({ topic }) => topic !== profile.log.topic);
  return [...new Set(others.map(({ topic }) => topic))].map((topic) => {
    const waiting = others.reduce((sum, slot) => sum + (slot.topic === topic ? slot.events : 0), 0);
    return `${waiting} events wait for topic ${topic}, which is not that of this profile: ${drain} --set log.topic=${topic}`;
  });
}

const isoTime = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** The spool of this machine: could it keep events, is there room for as many as it may, and does what it keeps find its way out? */
import { statfs } from 'node:fs/promises';
import path from 'node:path';
import { spoolPlace } from '../ingest/spool/open-spool.js';
import type { Lakehouse } from '../lakehouse.js';
import type { SlotLook } from '../spool/look-at-slot.js';
import { findSlots, steadyLook, type FoundSlot } from '../spool/look-at-spool.js';
import { isHeld } from '../spool/spool-folder.js';
import { diskChecks, nearestExisting } from './disk-checks.js';
import { examine, failed, ok, warning, type DoctorCheck } from './doctor-check.js';

const ROOM = 'spool room';
const EVENTS = 'spool events';
const GIB = 1024 ** 3;
const NEARLY_FULL = 0.9;
/** A server drains within seconds of the log's return; a long spool takes longer. */
const WAITS_LONG_MS = 60_000;
const DRAIN = 'keystone ingest spool drain';

interface LookedSlot {
  readonly found: FoundSlot;
  readonly look: SlotLook;
}

/** None where the log is on this machine and no spool was left behind. */
export async function spoolChecks(lakehouse: Lakehouse): Promise<readonly DoctorCheck[]> {
  const { ingest, profileName, projectDir } = lakehouse.config;
  const place = spoolPlace(lakehouse);
  const { slots, unreadable } = await findSlots(path.resolve(projectDir, ingest.spool.path), profileName);
  if (place === null && slots.length === 0 && unreadable.length === 0) return [];
  const looked: LookedSlot[] = [];
  for (const found of slots) looked.push({ found, look: await steadyLook(found.folder) });
  const checks: DoctorCheck[] = [];
  if (place !== null) {
    checks.push(...(await diskChecks('spool', place, lakehouse.effects, ['fsync'])));
    checks.push(await roomCheck(lakehouse, place, looked));
  }
  checks.push(await examine(EVENTS, 'KS_LOG', () => eventsCheck(lakehouse, looked, unreadable)));
  return checks;
}

/** As much as it may still grow has to be free: a full disk refuses events before the bound does. */
const roomCheck = ({ config }: Lakehouse, place: string, looked: readonly LookedSlot[]): Promise<DoctorCheck> =>
  examine(ROOM, 'KS_STORE', async () => {
    const most = config.ingest.spool.maxSize;
    const used = looked.reduce((sum, { look: { bytes } }) => sum + bytes, 0);
    const { bavail, bsize } = await statfs(await nearestExisting(place));
    const freeBytes = bavail * bsize;
    const found = `${gib(used)} of ${gib(most)} are in use, the disk has ${gib(freeBytes)} free`;
    if (used >= NEARLY_FULL * most)
      return warning(ROOM, found, 'it is full, and events are refused: bring the log back, or raise ingest.spool.maxSize');
    if (freeBytes < most - used)
      return warning(
        ROOM,
        found,
        'free space, move the spool (ingest.spool.path), or lower ingest.spool.maxSize to what there is',
      );
    return ok(ROOM, found);
  });

async function eventsCheck(
  lakehouse: Lakehouse,
  looked: readonly LookedSlot[],
  unreadable: readonly string[],
): Promise<DoctorCheck> {
  const { profile, ingest } = lakehouse.config;
  const problems = [...unreadable, ...looked.flatMap(({ look }) => look.problems)];
  const waiting = looked.filter(({ look: { events } }) => events > 0);
  const events = eventsOf(waiting);
  if (problems.length > 0) {
    const whole = events === 0 ? '' : `; ${events} events are whole`;
    return failed(
      EVENTS,
      'KS_LOG',
      problems.join('; ') + whole,
      looked.find(({ look }) => look.mend !== null)?.look.mend ??
        'keep its folder aside, restore what is damaged from a copy, and keystone ledger verify',
    );
  }
  const notes = looked.flatMap(({ look }) => look.notes);
  if (notes.length > 0) {
    const waits = events === 0 ? 'no event waits' : `${events} accepted events wait`;
    const drain = events === 0 ? 'keystone ingest spool status' : DRAIN;
    return warning(
      EVENTS,
      `${waits}; ${notes.join('; ')}`,
      `${drain}, then look at what is put aside and move it out of the slot's folder`,
    );
  }
  if (events === 0) return ok(EVENTS, 'none waits');
  const oldestMs = Math.min(...waiting.map(({ look: { oldestMs: of } }) => of ?? Infinity));
  const said = `${events} accepted events wait, the oldest since ${new Date(oldestMs).toISOString()}`;
  if (profile.log.adapter === 'embedded' || ingest.spool.patience === 0)
    return warning(
      EVENTS,
      `${said}, and this profile has no spool that would be drained`,
      `${DRAIN} with the settings that kept them`,
    );
  const stray = waiting.find(({ found: { topic } }) => topic !== profile.log.topic);
  if (stray)
    return warning(EVENTS, `${said}, some for topic ${stray.found.topic}`, `${DRAIN} --set log.topic=${stray.found.topic}`);
  const left = waiting.filter(({ found: { folder } }) => !isHeld(path.dirname(folder), path.basename(folder)));
  if (left.length > 0) {
    const names = left.map(({ found: { slot } }) => slot).join(', ');
    return warning(
      EVENTS,
      `${said}; ${eventsOf(left)} of them in ${names}, which no server has`,
      `start keystone ingest serve, or ${DRAIN}`,
    );
  }
  const level = await lakehouse.degradation();
  if (level?.mode === 'manual' && level.level === 'buffer-only') return ok(EVENTS, `${said}: the level was set to buffer-only`);
  const isOld = lakehouse.effects.clock.nowMs() - oldestMs > WAITS_LONG_MS;
  if (level && !level.away.includes('log') && isOld)
    return warning(
      EVENTS,
      `${said}, in slots of servers at work, and the log's breaker is closed`,
      'keystone ingest spool status twice: when they become no fewer, the log lines of ingest serve say what it refuses',
    );
  return ok(EVENTS, `${said}; the servers that have them send them when the log is back`);
}

const eventsOf = (slots: readonly LookedSlot[]): number => slots.reduce((sum, { look }) => sum + look.events, 0);
const gib = (bytes: number): string => `${(bytes / GIB).toFixed(2)} GiB`;

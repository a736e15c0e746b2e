/**
 * The spool's folder for one topic of one profile:
 *
 *   <ingest.spool.path>/<profile>/<topic>/topic.json      what was last known of the topic
 *                                        /slot-0/…        one process's events, while it holds the slot's lock
 *                                        /slot-1/…
 *
 * Slots stay when they are empty, so that nobody locks a folder that another process takes away. Who starts takes every slot that nobody
 * holds and in which events wait, and goes on where the process before it stopped.
 */
import { mkdir, open, readdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { isKeystoneError, KeystoneError, messageOf } from '../errors.js';
import { lockSlot, type SlotLock } from './slot-lock.js';
import { openSlot, type SpoolSlot } from './spool-slot.js';

const knownTopic = z.object({
  partitions: z.number().int().min(1),
  /** Bytes of a record's key, value and headers that the topic surely takes. */
  recordBytes: z.number().int().min(1),
});

/** What a server needs to know of the topic to keep events for it while it is away. */
export type KnownTopic = z.output<typeof knownTopic>;

export interface ClaimedSlot {
  readonly slot: SpoolSlot;
  /** Gives it back; what waits in it stays. */
  release(): Promise<void>;
}

export interface ClaimedSlots {
  /** Events of processes that are gone, oldest first; then this process's own slot. */
  readonly slots: readonly ClaimedSlot[];
  /** Slots that could not be taken because they are damaged, with what can be done. */
  readonly problems: readonly string[];
  /** What was found torn in them and put aside. */
  readonly notes: readonly string[];
}

/** Longer than somebody who only looks whose a slot is has its lock. */
const LOOK_MS = 50;
const SLOT_NAME = /^slot-(\d{1,6})$/;

export const spoolFolder = (spoolPath: string, profile: string, topic: string): string =>
  path.join(spoolPath, encodeURIComponent(profile), encodeURIComponent(topic));

/** Names of the slots, in order; none where there is no folder. */
export async function slotNames(folder: string): Promise<readonly string[]> {
  return slotsOf(await readdir(folder).catch(() => []));
}

/** Those of the names that are slots, in order. */
export function slotsOf(names: readonly string[]): readonly string[] {
  const numbers = names.flatMap((name) => (SLOT_NAME.test(name) ? [Number(name.slice('slot-'.length))] : []));
  return numbers.toSorted((a, b) => a - b).map((number) => `slot-${number}`);
}

/** Null: no server has ever seen it from here. */
export async function readKnownTopic(folder: string): Promise<KnownTopic | null> {
  const text = await readFile(path.join(folder, 'topic.json'), 'utf8').catch(() => null);
  if (text === null) return null;
  const parsed = knownTopic.safeParse(safeJson(text));
  return parsed.success ? parsed.data : null;
}

/** Atomic; several processes may write at once. */
export async function writeKnownTopic(folder: string, topic: KnownTopic, processName: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `topic.${encodeURIComponent(processName)}.tmp`);
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(JSON.stringify(topic));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path.join(folder, 'topic.json'));
}

/** Every slot in which events wait and that nobody holds; with `own`, one to write to as well, the last of them. */
export async function claimSlots(
  folder: string,
  { own, fileBytes }: { readonly own: boolean; readonly fileBytes?: number },
): Promise<ClaimedSlots> {
  await mkdir(folder, { recursive: true });
  const slots: ClaimedSlot[] = [];
  const problems: string[] = [];
  const notes: string[] = [];
  /** An empty slot that is ours; the lowest of them. */
  let spare: ClaimedSlot | null = null;
  const names = await slotNames(folder);
  for (const name of names) {
    const claimed = await claim(folder, name, fileBytes).catch((error: unknown) => {
      const hint = isKeystoneError(error) && error.hint ? `: ${error.hint}` : '';
      problems.push(messageOf(error) + hint);
      return null;
    });
    if (!claimed) continue;
    notes.push(...claimed.slot.notes);
    if (claimed.slot.counts().events > 0) slots.push(claimed);
    else if (own && !spare) spare = claimed;
    else await claimed.release();
  }
  if (!own) return { slots, problems, notes };
  // What is written goes behind what waits: the newest of it may go on in its own slot.
  for (let number = nextNumber(names); slots.length === 0 && !spare; number += 1)
    spare = await claim(folder, `slot-${number}`, fileBytes);
  if (spare) slots.push(spare);
  return { slots, problems, notes };
}

/** Whether a living process holds the slot: asked by trying to take it. */
export function isHeld(folder: string, name: string): boolean {
  const lock = lockSlot(path.join(folder, name));
  lock?.release();
  return lock === null;
}

const nextNumber = (names: readonly string[]): number => Number(names.at(-1)?.slice('slot-'.length) ?? -1) + 1;

/** Null: another process holds it. */
async function claim(folder: string, name: string, fileBytes: number | undefined): Promise<ClaimedSlot | null> {
  const at = path.join(folder, name);
  let lock: SlotLock | null;
  try {
    await mkdir(at, { recursive: true });
    lock = lockSlot(at, LOOK_MS);
  } catch (error) {
    throw new KeystoneError('KS_LOG', `the spool folder ${at} cannot be used (${messageOf(error)})`, {
      hint: 'check ingest.spool.path, its rights and the free space: keystone doctor',
      cause: error,
    });
  }
  if (!lock) return null;
  try {
    const slot = await openSlot(at, name, fileBytes);
    const held = lock;
    return {
      slot,
      release: async () => {
        await slot.close();
        held.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What waits in the spool of a profile on this machine, for whatever topic, looked at without a lock beside the servers that write it. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '../errors.js';
import { lookAtSlot, type SlotLook, type WaitingFrame } from './look-at-slot.js';
import { slotsOf } from './spool-folder.js';

/** A slot of the spool, and where it lies. */
export interface FoundSlot {
  readonly topic: string;
  readonly slot: string;
  readonly folder: string;
}

export interface FoundSlots {
  /** Of the profile: `<ingest.spool.path>/<profile>`. */
  readonly folder: string;
  /** False: no server of this machine has ever kept anything there. */
  readonly isThere: boolean;
  readonly slots: readonly FoundSlot[];
  /** Folders that could not be read, and why: what lies there is not known. */
  readonly unreadable: readonly string[];
}

/** Every slot that lies below the spool's folder for the profile. Throws nothing. */
export async function findSlots(spoolPath: string, profile: string): Promise<FoundSlots> {
  const folder = path.join(spoolPath, encodeURIComponent(profile));
  const unreadable: string[] = [];
  const list = async (of: string): Promise<readonly string[] | null> =>
    readdir(of).catch((error: unknown) => {
      if (!isAbsent(error)) unreadable.push(`the spool's folder ${of} cannot be read: ${messageOf(error)}`);
      return null;
    });
  const topics = await list(folder);
  const slots: FoundSlot[] = [];
  for (const name of topics?.toSorted() ?? []) {
    const topic = topicOf(name);
    if (topic === null) continue;
    const inside = path.join(folder, name);
    for (const slot of slotsOf((await list(inside)) ?? [])) slots.push({ topic, slot, folder: path.join(inside, slot) });
  }
  return { folder, isThere: topics !== null || unreadable.length > 0, slots, unreadable };
}

/**
 * The slot as it stands. Where something seems to be wrong it is looked at once more, for a server may have changed it in between.
 * `onFrame` is asked for once for each look: only what the last one was shown counts.
 */
export async function steadyLook(
  folder: string,
  onFrame: () => (frame: WaitingFrame) => void = () => () => undefined,
): Promise<SlotLook> {
  const look = (): Promise<SlotLook> =>
    lookAtSlot(folder, onFrame()).catch((error: unknown): SlotLook => {
      const problems = [`the spool's slot ${folder} cannot be read: ${messageOf(error)}`];
      const nothing = { events: 0, bytes: 0, oldestMs: null, front: null, inDoubt: [], mend: null, torn: [], notes: [] };
      return { ...nothing, isBlocked: true, problems };
    });
  const twice = async (): Promise<SlotLook> => {
    const first = await look();
    return first.problems.length === 0 ? first : look();
  };
  let last = await twice();
  // A frame that is being written looks torn: it grows, or is whole by the next look.
  for (let n = 0; n < TORN_LOOKS && last.torn.some(({ isNewest }) => isNewest); n++) {
    await delay(TORN_LOOK_MS);
    const before = last.torn.find(({ isNewest }) => isNewest)!;
    last = await twice();
    const now = last.torn.find(({ isNewest }) => isNewest);
    if (now && now.file === before.file && now.at === before.at && now.bytes === before.bytes) break;
  }
  return last;
}

const TORN_LOOKS = 5;
const TORN_LOOK_MS = 20;

/** Nobody's topic is named by what is no folder of one. */
function topicOf(name: string): string | null {
  try {
    return decodeURIComponent(name);
  } catch {
    return null;
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

/** `ingest spool status`: what waits in the spool of the project's topic, read beside whoever is at work. */
import path from 'node:path';
import type { Lakehouse } from '../../lakehouse.js';
import { spoolPlace } from './open-spool.js';
import { isHeld, readKnownTopic, slotNames } from '../../spool/spool-folder.js';
import { steadyLook } from '../../spool/look-at-spool.js';

export interface SlotStatus {
  readonly slot: string;
  /** Whether a living process has it. */
  readonly held: boolean;
  readonly events: number;
  readonly bytes: number;
  /** When the oldest of them came. */
  readonly oldest: string | null;
  /** Damage means that nobody sends anything of it before that is mended. */
  readonly blocked: boolean;
  /** What is wrong with it; null: nothing. */
  readonly problem: string | null;
  /** What can be done about it; null: nothing is wrong, or nobody knows. */
  readonly mend: string | null;
  /** Torn ends of files, and what of them was put aside: no damage, told so that nothing goes in silence. */
  readonly notes: readonly string[];
}

export interface SpoolStatus {
  readonly topic: string;
  /** Null: the log is on this machine, or `ingest.spool.patience` is 0, and there is no spool. */
  readonly folder: string | null;
  /** Of the topic, as they were last seen; null: it was never seen from here. */
  readonly partitions: number | null;
  readonly maxBytes: number;
  readonly slots: readonly SlotStatus[];
  readonly events: number;
  readonly bytes: number;
}

/** Asks no broker and takes nothing. */
export async function spoolStatus(lakehouse: Pick<Lakehouse, 'config'>): Promise<SpoolStatus> {
  const { profile, ingest } = lakehouse.config;
  const folder = spoolPlace(lakehouse);
  const names = folder === null ? [] : await slotNames(folder);
  const slots: SlotStatus[] = [];
  for (const name of names) slots.push(await slotStatus(folder!, name));
  return {
    topic: profile.log.topic,
    folder,
    partitions: folder === null ? null : ((await readKnownTopic(folder))?.partitions ?? null),
    maxBytes: ingest.spool.maxSize,
    slots,
    events: slots.reduce((sum, { events }) => sum + events, 0),
    bytes: slots.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function slotStatus(folder: string, slot: string): Promise<SlotStatus> {
  const { events, bytes, oldestMs, isBlocked, problems, mend, notes } = await steadyLook(path.join(folder, slot));
  const oldest = oldestMs === null ? null : new Date(oldestMs).toISOString();
  return {
    slot,
    held: isHeld(folder, slot),
    events,
    bytes,
    oldest,
    blocked: isBlocked,
    problem: problems.length === 0 ? null : problems.join('; '),
    mend,
    notes,
  };
}

/** `ingest spool status`: what waits in the spool of the project's topic, read beside whoever is at work. */
import path from 'node:path';
import { messageOf } from '../../errors.js';
import type { Lakehouse } from '../../lakehouse.js';
import { spoolPlace } from './open-spool.js';
import { isHeld, readKnownTopic, slotNames } from '../../spool/spool-folder.js';
import { readJournal } from '../../spool/spool-journal.js';
import { spoolFiles, surveyFile } from '../../spool/spool-files.js';

export interface SlotStatus {
  readonly slot: string;
  /** Whether a living process has it. */
  readonly held: boolean;
  readonly events: number;
  readonly bytes: number;
  /** When the oldest of them came. */
  readonly oldest: string | null;
  /** Why it cannot be read; null: it can. */
  readonly problem: string | null;
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
  const at = path.join(folder, slot);
  let events = 0;
  let bytes = 0;
  let oldestMs: number | null = null;
  let problem: string | null = null;
  try {
    const { doneTo } = await readJournal(path.join(at, 'journal'));
    for (const number of await spoolFiles(at)) {
      if (doneTo && number < doneTo.file) continue;
      // A file that is gone by now has been drained.
      const found = await surveyFile(at, number, doneTo?.file === number ? doneTo.at : 0).catch((error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
        throw error;
      });
      events += found?.events ?? 0;
      bytes += found?.bytes ?? 0;
      oldestMs ??= found?.oldestMs ?? null;
    }
  } catch (error) {
    problem = messageOf(error);
  }
  const oldest = oldestMs === null ? null : new Date(oldestMs).toISOString();
  return { slot, held: isHeld(folder, slot), events, bytes, oldest, problem };
}

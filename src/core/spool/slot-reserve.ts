/** Room that a slot gives up when the disk is full: without a line in its journal nothing could be drained, and the disk would stay full. */
import { open, rm, stat } from 'node:fs/promises';
import path from 'node:path';

export interface SlotReserve {
  /** Takes the room again where it was given up; a disk that has none left is no error. */
  keep(): Promise<void>;
  /** False: it was given up before. */
  give(): Promise<boolean>;
}

const RESERVE_BYTES = 256 * 1024;

export function slotReserve(folder: string): SlotReserve {
  const file = path.join(folder, 'reserve');
  return {
    keep: async () => {
      const there = await stat(file).catch(() => null);
      if (there?.size === RESERVE_BYTES) return;
      const opened = await open(file, 'w').catch(() => null);
      await opened?.writeFile(Buffer.alloc(RESERVE_BYTES)).catch(() => undefined);
      await opened?.close();
    },
    give: async () => {
      const there = await stat(file).catch(() => null);
      if (!there) return false;
      await rm(file, { force: true });
      return true;
    },
  };
}

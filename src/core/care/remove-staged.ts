/** Removes what killed runs left in the lake's staging folder: rows that a service computed and no table took over. */
import type { Lakehouse } from '../lakehouse.js';
import { STAGING_PREFIX } from '../table/data-path.js';
import { deleteFiles } from './delete-files.js';
import { LEAST_ORPHAN_AGE_MS } from './remove-orphans.js';

export interface RemovedStaged {
  readonly files: number;
  readonly bytes: number;
}

/** `olderThanMs`: at least an hour, since younger ones may belong to a run that works. */
export async function removeStaged(lakehouse: Lakehouse, olderThanMs: number, dryRun: boolean): Promise<RemovedStaged> {
  const store = await lakehouse.store();
  const before = lakehouse.effects.clock.nowMs() - Math.max(LEAST_ORPHAN_AGE_MS, olderThanMs);
  const old: string[] = [];
  let bytes = 0;
  for await (const { key, sizeBytes, modifiedMs } of store.list(STAGING_PREFIX)) {
    if (modifiedMs >= before) continue;
    old.push(key);
    bytes += sizeBytes;
  }
  if (!dryRun) await deleteFiles(store, old);
  return { files: old.length, bytes };
}

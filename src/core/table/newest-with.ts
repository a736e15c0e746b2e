/** Looks a key of the snapshot summaries up, in the state of a table as the port shows it. */
import type { TableState } from './table-api.js';

/** Summary of the newest snapshot of the current line that carries `key` (compaction does not). */
export function newestWith(state: TableState, key: string): Readonly<Record<string, string>> | null {
  const byId = new Map(state.snapshots.map((snapshot) => [snapshot.id, snapshot]));
  for (let at = state.currentSnapshot; at; at = at.parentId === null ? null : (byId.get(at.parentId) ?? null)) {
    if (at.summary[key] !== undefined) return at.summary;
  }
  return null;
}

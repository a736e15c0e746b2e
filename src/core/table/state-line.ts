/** The current line of snapshots in the state of a table as the port shows it: what `snapshot-line.ts` reads from the metadata itself. */
import type { Snapshot, TableState } from './table-api.js';

/** The current snapshot and its ancestors that are kept, newest first. */
export function lineOf(state: TableState): readonly Snapshot[] {
  const byId = new Map(state.snapshots.map((snapshot) => [snapshot.id, snapshot]));
  const line: Snapshot[] = [];
  for (let at = state.currentSnapshot; at; at = at.parentId === null ? null : (byId.get(at.parentId) ?? null)) line.push(at);
  return line;
}

/** Summary of the newest snapshot of the current line that carries `key` (compaction does not). */
export const newestWith = (state: TableState, key: string): Readonly<Record<string, string>> | null =>
  lineOf(state).find(({ summary }) => summary[key] !== undefined)?.summary ?? null;

/** What a gold snapshot says about its making, in its summary: the inputs' snapshots and the model's text. */
import { z } from 'zod';
import type { Snapshot, TableName } from '../table/table-api.js';
import type { Model } from './model.js';
import type { PinnedTable } from './pinned-table.js';

export interface BuildRecord {
  readonly modelHash: string;
  /** Input → id of the snapshot that was read; null when it had none. */
  readonly inputs: ReadonlyMap<TableName, bigint | null>;
}

const INPUTS = 'keystone.inputs';
const MODEL = 'keystone.model-hash';
const inputsJson = z.record(z.string(), z.union([z.null(), z.string().regex(/^\d+$/)]));

export const buildSummary = (model: Model, inputs: readonly PinnedTable[]): Readonly<Record<string, string>> => ({
  [INPUTS]: JSON.stringify(
    Object.fromEntries(inputs.map((input) => [input.name, input.snapshot ? String(input.snapshot.id) : null])),
  ),
  [MODEL]: model.hash,
});

/**
 * The record that still describes the table's rows: the current snapshot's, or that of the one before while snapshots only moved
 * rows (`replace`: compaction). null when another writer changed the rows, or nothing was ever built.
 */
export function readBuildRecord(current: Snapshot | null, snapshots: readonly Snapshot[]): BuildRecord | null {
  const byId = new Map(snapshots.map((snapshot) => [snapshot.id, snapshot]));
  for (let snapshot = current; snapshot; snapshot = snapshot.parentId === null ? null : (byId.get(snapshot.parentId) ?? null)) {
    const modelHash = snapshot.summary[MODEL];
    const inputs = snapshot.summary[INPUTS];
    if (modelHash !== undefined && inputs !== undefined) {
      const parsed = inputsJson.safeParse(jsonOrNull(inputs));
      if (!parsed.success) return null;
      const entries = Object.entries(parsed.data).map(
        ([name, id]) => [name as TableName, id === null ? null : BigInt(id)] as const,
      );
      return { modelHash, inputs: new Map(entries) };
    }
    if (snapshot.operation !== 'replace') return null;
  }
  return null;
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

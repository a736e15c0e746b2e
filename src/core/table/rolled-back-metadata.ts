/** A table with an older snapshot current again, marked as rolled back on purpose: the metadata of one swap. */
import { withCurrent } from './next-snapshot.js';
import { ROLLBACK_MARK, ROLLBACK_TOKEN, rollbackMarkText, rollbackTokenOf } from './rollback-mark.js';
import type { RollbackMark } from './table-api.js';
import { type TableMetadata, currentSnapshot } from './table-metadata.js';

export interface RollbackTarget {
  /** Snapshot that becomes current; null: the table is empty again. */
  readonly to: bigint | null;
  /** Absent for a table that is rolled back alone: what it lost stays missing until it holds it again. */
  readonly mark?: Omit<RollbackMark, 'sequence'>;
  readonly fencingToken: number;
}

/** The next metadata; `nowMs` for its history. The snapshot is one of the base's. */
export function rolledBackMetadata(
  base: TableMetadata,
  { to, mark, fencingToken }: RollbackTarget,
  nowMs: number,
): TableMetadata {
  const current = currentSnapshot(base);
  const moved =
    (current ? BigInt(current['snapshot-id']) : null) === to ? base : to === null ? emptied(base) : withCurrent(base, to, nowMs);
  return {
    ...moved,
    properties: {
      ...base.properties,
      [ROLLBACK_TOKEN]: String(Math.max(fencingToken, rollbackTokenOf(base) ?? 0)),
      ...(mark && { [ROLLBACK_MARK]: rollbackMarkText({ ...mark, sequence: base['last-sequence-number'] }) }),
    },
  };
}

/** As a table is before its first commit; its snapshots are kept. */
function emptied(base: TableMetadata): TableMetadata {
  const { 'current-snapshot-id': _, ...rest } = base;
  const { main: __, ...refs } = base.refs ?? {};
  return { ...rest, refs };
}

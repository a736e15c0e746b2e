/** The current line of a table's snapshots: the one that `main` names and its ancestors. What a rollback left is not in it. */
import { KeystoneError } from '../errors.js';
import type { FencedState } from './offset-fence.js';
import {
  SUMMARY_FENCING_TOKEN,
  SUMMARY_HOLES,
  SUMMARY_LOSSES,
  SUMMARY_NEXT_OFFSETS,
  isBehind,
  parseHoles,
  parseLosses,
  parseNextOffsets,
  snapshotNextOffsets,
} from './snapshot-offsets.js';
import { rollbackMarkOf } from './rollback-mark.js';
import type { Snapshot } from './table-api.js';
import { type MetadataSnapshot, type TableMetadata, currentSnapshot } from './table-metadata.js';

/** A stored snapshot as the port shows it. */
export const snapshotOf = (stored: MetadataSnapshot): Snapshot => {
  const parent = stored['parent-snapshot-id'];
  const { operation, ...summary } = stored.summary ?? {};
  return {
    id: BigInt(stored['snapshot-id']),
    parentId: parent === undefined || parent === null ? null : BigInt(parent),
    sequenceNumber: stored['sequence-number'],
    timestampMs: stored['timestamp-ms'],
    operation: operation ?? 'unknown',
    summary,
  };
};

/** Newest first; ends where a parent has expired. Throws KS_TABLE_CORRUPT for a snapshot that is its own ancestor. */
export function currentLine(metadata: TableMetadata): readonly Snapshot[] {
  const byId = new Map((metadata.snapshots ?? []).map((stored) => [BigInt(stored['snapshot-id']), stored]));
  const line: Snapshot[] = [];
  const current = currentSnapshot(metadata);
  for (let at = current ? snapshotOf(current) : null; at;) {
    line.push(at);
    if (line.length > byId.size) {
      throw new KeystoneError('KS_TABLE_CORRUPT', `${metadata.location}: the snapshot ${at.id} is its own ancestor`, {
        hint: 'Compare the newest metadata file with those of lower number beside it: each is a complete earlier state of the table.',
      });
    }
    const parent = at.parentId === null ? undefined : byId.get(at.parentId);
    at = parent ? snapshotOf(parent) : null;
  }
  return line;
}

/** What the line carries: other engines' commits repeat nothing of ours, so for each key the newest snapshot that has it counts. */
export function fencedStateOf(line: readonly Snapshot[]): FencedState {
  const newest = (key: string): { readonly text: string | undefined; readonly id: bigint } => {
    const holder = line.find(({ summary }) => summary[key] !== undefined);
    return { text: holder?.summary[key], id: holder?.id ?? 0n };
  };
  const offsets = newest(SUMMARY_NEXT_OFFSETS);
  const holes = newest(SUMMARY_HOLES);
  const losses = newest(SUMMARY_LOSSES);
  const token = newest(SUMMARY_FENCING_TOKEN).text;
  return {
    nextOffsets: parseNextOffsets(offsets.text, offsets.id),
    holes: parseHoles(holes.text, holes.id),
    losses: parseLosses(losses.text, losses.id),
    fencingToken: token === undefined ? null : Number(token),
  };
}

/**
 * Snapshots that once were current, are not in the current line, and whose data is missing from it: they are newer than the current
 * snapshot, or had consumed offsets that the line has not consumed again. Newest first; empty: nothing is rolled back. What was given
 * up on purpose (`rollback-mark.ts`) is not missing.
 */
export function missedSnapshots(metadata: TableMetadata, line: readonly Snapshot[]): readonly Snapshot[] {
  const givenUp = rollbackMarkOf(metadata)?.sequence ?? 0;
  const inLine = new Set(line.map(({ id }) => id));
  const onceCurrent = new Set((metadata['snapshot-log'] ?? []).map((entry) => BigInt(entry['snapshot-id'])));
  const left = (metadata.snapshots ?? [])
    .filter((stored) => stored['sequence-number'] > givenUp)
    .filter((stored) => onceCurrent.has(BigInt(stored['snapshot-id'])) && !inLine.has(BigInt(stored['snapshot-id'])))
    .map(snapshotOf)
    .toSorted((a, b) => b.sequenceNumber - a.sequenceNumber);
  if (left.length === 0) return [];
  const current = line[0];
  const { nextOffsets } = fencedStateOf(line);
  return left.filter(
    (one) => !current || one.sequenceNumber > current.sequenceNumber || isBehind(nextOffsets, snapshotNextOffsets(one)),
  );
}

/** The newest of them, or null: from where the table was rolled back. */
export const rolledBackFrom = (metadata: TableMetadata, line: readonly Snapshot[]): Snapshot | null =>
  missedSnapshots(metadata, line)[0] ?? null;

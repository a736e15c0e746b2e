/**
 * The newest moment, at or before a bound, at which the derived tables account for every event: what a rollback takes them back to.
 * Silver, error zone, quarantine and dispositions commit a range one after the other, so only some snapshots of each fit together.
 */
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../quarantine/quarantine-tables.js';
import { SUMMARY_RANGE, SUMMARY_SILVER } from '../silver/derive-range.js';
import { alreadyCovers, nextOffsetOf, parseRange } from '../silver/offset-ranges.js';
import { totalKey } from '../silver/verdict-totals.js';
import { SUMMARY_NEXT_OFFSETS, snapshotNextOffsets } from '../table/snapshot-offsets.js';
import { lineOf } from '../table/state-line.js';
import type { NextOffsets, OffsetHole, Snapshot, TableName, TableState } from '../table/table-api.js';

export interface ConsistentCut {
  /** Up to which every event has its final place, by topic and partition. */
  readonly processed: NextOffsets;
  /** The snapshot of each table; null: before its first. Dispositions included. */
  readonly snapshots: ReadonlyMap<TableName, Snapshot | null>;
}

/** Whether a table may be at this snapshot (null: before its first, which is asked of dispositions only). */
export type CutBound = (table: TableName, snapshot: Snapshot | null) => boolean;

/** A snapshot of the current line and the offsets that hold there; null where none of ours says it and the older ones have expired. */
interface Stage {
  readonly snapshot: Snapshot;
  readonly offsets: NextOffsets | null;
}

interface Stages {
  /** Newest first. */
  readonly stages: readonly Stage[];
  /** Nothing older has expired: before the oldest the table was empty. */
  readonly fromStart: boolean;
}

/**
 * `states`: of dispositions and of every derived table, the same for all of a search. `holes`: bronze's. null when no kept snapshots fit
 * together within the bound.
 */
export function consistentCut(
  states: ReadonlyMap<TableName, TableState>,
  holes: readonly OffsetHole[],
  bound: CutBound,
): ConsistentCut | null {
  const stages = new Map([...states].map(([name, state]) => [name, stagesOf(state)]));
  const ledger = stages.get(DISPOSITIONS.name);
  if (!ledger) return null;
  const candidates = [...ledger.stages, ...(ledger.fromStart ? [null] : [])];
  for (const [at, candidate] of candidates.entries()) {
    const processed = candidate === null ? new Map<string, ReadonlyMap<number, number>>() : candidate.offsets;
    if (processed === null || !bound(DISPOSITIONS.name, candidate?.snapshot ?? null)) continue;
    const snapshots = new Map<TableName, Snapshot | null>([[DISPOSITIONS.name, candidate?.snapshot ?? null]]);
    const line = ledger.stages.slice(at).map(({ snapshot }) => snapshot);
    for (const [name, own] of stages) {
      if (name === DISPOSITIONS.name) continue;
      const found = newestWithin(own, processed, (snapshot) => bound(name, snapshot));
      if (found && followed(name, found.offsets, line)) snapshots.set(name, found.snapshot);
    }
    if (snapshots.size === stages.size && addsUp(snapshots, processed, holes)) return { processed, snapshots };
  }
  return null;
}

function stagesOf(state: TableState): Stages {
  const line = lineOf(state);
  const fromStart = (line.at(-1)?.parentId ?? null) === null;
  let offsets: NextOffsets | null = fromStart ? new Map() : null;
  const oldestFirst = line.toReversed().map((snapshot): Stage => {
    // Another engine's snapshot repeats nothing of ours: what was consumed before it still is.
    if (snapshot.summary[SUMMARY_NEXT_OFFSETS] !== undefined) offsets = snapshotNextOffsets(snapshot);
    return { snapshot, offsets };
  });
  return { stages: oldestFirst.toReversed(), fromStart };
}

/** Without a snapshot: the table was empty then; null: its snapshot of then has expired. */
function newestWithin(
  { stages, fromStart }: Stages,
  processed: NextOffsets,
  allowed: (snapshot: Snapshot) => boolean,
): { readonly snapshot: Snapshot | null; readonly offsets: NextOffsets } | null {
  for (const { snapshot, offsets } of stages) {
    if (offsets !== null && within(offsets, processed) && allowed(snapshot)) return { snapshot, offsets };
  }
  return fromStart ? { snapshot: null, offsets: new Map() } : null;
}

/**
 * A silver table holds the last range that dispositions say it took: new versions of keys that it has replace rows, so sums alone would
 * not tell that a range is missing. `line`: of dispositions, newest first.
 */
function followed(name: TableName, offsets: NextOffsets, line: readonly Snapshot[]): boolean {
  if (!name.startsWith('silver.')) return true;
  const dataset = name.slice('silver.'.length);
  const last = line.find(({ summary }) => (JSON.parse(summary[SUMMARY_SILVER] ?? '[]') as string[]).includes(dataset));
  const range = last?.summary[SUMMARY_RANGE];
  return range === undefined || alreadyCovers(offsets, parseRange(range));
}

const within = (offsets: NextOffsets, bound: NextOffsets): boolean =>
  [...offsets].every(([topic, partitions]) =>
    [...partitions].every(([partition, next]) => next <= nextOffsetOf(bound, topic, partition)),
  );

/** The sums of the quick account: no event without a place, no reject without its row. */
function addsUp(snapshots: ConsistentCut['snapshots'], processed: NextOffsets, holes: readonly OffsetHole[]): boolean {
  const rows = (name: TableName): number => rowsAt(snapshots.get(name) ?? null);
  const total = (verdict: 'error' | 'quarantined'): number =>
    Number(snapshots.get(DISPOSITIONS.name)?.summary[totalKey(verdict)] ?? 0);
  const silver = [...snapshots.keys()].filter((name) => name.startsWith('silver.')).reduce((sum, name) => sum + rows(name), 0);
  return (
    silver + rows(DISPOSITIONS.name) === eventsBelow(processed, holes) &&
    rows(ERROR_EVENTS.name) === total('error') &&
    rows(QUARANTINE_EVENTS.name) === total('quarantined')
  );
}

/** Rows of the table at the snapshot, as its summary says it. */
export const rowsAt = (snapshot: Snapshot | null): number => Number(snapshot?.summary['total-records'] ?? 0);

/** Events below the offsets: what the log never held does not count. */
export function eventsBelow(offsets: NextOffsets, holes: readonly OffsetHole[]): number {
  const below = [...offsets.values()].flatMap((partitions) => [...partitions.values()]).reduce((sum, next) => sum + next, 0);
  const missing = holes.reduce(
    (sum, { topic, partition, from, toExclusive }) =>
      sum + Math.max(0, Math.min(toExclusive, nextOffsetOf(offsets, topic, partition)) - from),
    0,
  );
  return below - missing;
}

/**
 * The moment at which the account is taken. A builder commits a range to several tables, one after the other; between two of these
 * commits (or after a crash there) the newest snapshots do not fit together. The cut is the newest state that does: every table at
 * its last snapshot that holds nothing beyond the last complete range.
 */
import { alreadyCovers, nextOffsetOf, parseRange } from '../silver/offset-ranges.js';
import { SUMMARY_RANGE, SUMMARY_SILVER } from '../silver/derive-range.js';
import { halfDoneRollback } from '../silver/rolled-back.js';
import type { NextOffsets, Snapshot, Table, TableName, TableState } from '../table/table-api.js';
import { snapshotNextOffsets } from '../table/snapshot-offsets.js';
import { lineOf } from '../table/state-line.js';

export interface TableAtCut {
  readonly table: Table;
  readonly state: TableState;
  /** null: the table is empty at the cut. */
  readonly snapshot: Snapshot | null;
}

export interface AccountCut {
  /** How far every event has a final place, by topic and partition. */
  readonly processed: NextOffsets;
  readonly tables: ReadonlyMap<TableName, TableAtCut>;
  /** Tables whose newest snapshot belongs to a range that is still under way. */
  readonly inFlight: readonly TableName[];
}

const within = (offsets: NextOffsets, bound: NextOffsets): boolean =>
  [...offsets].every(([topic, partitions]) =>
    [...partitions].every(([partition, next]) => next <= nextOffsetOf(bound, topic, partition)),
  );

/** `derived`: error, quarantine and silver tables. Builders may commit while they are read. */
export async function cutAccount(dispositions: Table, derived: readonly Table[]): Promise<AccountCut> {
  const states = new Map<TableName, TableState>();
  const isSilver = ({ name }: Table): boolean => name.startsWith('silver.');
  const before = await dispositions.state();
  // Silver before dispositions, zones after: what silver holds of a range, dispositions held before, and what they hold, the zones did.
  for (const table of derived.filter(isSilver)) states.set(table.name, await table.state());
  const ledger = await dispositions.state();
  for (const table of derived.filter((one) => !isSilver(one))) states.set(table.name, await table.state());
  const line = lineOf(ledger);
  const unfinished = unfinishedSince(line, before.currentSnapshot, states, ledger);
  const ledgerSnapshot = unfinished === null ? ledger.currentSnapshot : (line[unfinished + 1] ?? null);
  const processed = ledgerSnapshot ? snapshotNextOffsets(ledgerSnapshot) : (new Map() as NextOffsets);
  const tables = new Map<TableName, TableAtCut>([
    [dispositions.name, { table: dispositions, state: ledger, snapshot: ledgerSnapshot }],
  ]);
  const inFlight: TableName[] = unfinished === null ? [] : [dispositions.name];
  for (const table of derived) {
    const state = states.get(table.name) as TableState;
    const snapshot = lineOf(state).find((one) => within(snapshotNextOffsets(one), processed)) ?? null;
    if (snapshot?.id !== state.currentSnapshot?.id) inFlight.push(table.name);
    tables.set(table.name, { table, state, snapshot });
  }
  return { processed, tables, inFlight };
}

/**
 * Index in `line` (newest first) of the oldest range whose silver is not all there, null when there is none. Ranges up to the newest
 * of `before` are finished but for this last one: a builder finishes one before it begins the next.
 */
function unfinishedSince(
  line: readonly Snapshot[],
  before: Snapshot | null,
  states: ReadonlyMap<TableName, TableState>,
  ledger: TableState,
): number | null {
  let oldest: number | null = null;
  for (const [index, snapshot] of line.entries()) {
    // A compaction's snapshot repeats what the one before it said.
    if (snapshot.summary[SUMMARY_RANGE] === undefined || snapshot.operation === 'replace') continue;
    if (!silverFollowed(snapshot, states, ledger)) oldest = index;
    if (before !== null && snapshot.sequenceNumber <= before.sequenceNumber) break;
  }
  return oldest;
}

function silverFollowed(snapshot: Snapshot, states: ReadonlyMap<TableName, TableState>, ledger: TableState): boolean {
  const range = parseRange(snapshot.summary[SUMMARY_RANGE] as string);
  const datasets = JSON.parse(snapshot.summary[SUMMARY_SILVER] ?? '[]') as string[];
  return datasets.every((dataset) => {
    const state = states.get(`silver.${dataset}`);
    // What a rollback took from silver is no work under way: the account names its offsets.
    if (!state) return false;
    return state.rolledBackFrom !== null || halfDoneRollback(state, ledger) !== null || alreadyCovers(state.nextOffsets, range);
  });
}

/**
 * What `table rollback` would do: which tables go back to which snapshots, and what then comes again. Three kinds of tables: gold is
 * built again from silver; bronze is landed again from the log; what is derived from bronze stands and falls together, at a moment at
 * which all of it adds up.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { checkEnds } from '../consume/check-bounds.js';
import { sameLog } from '../consume/log-recreated.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../quarantine/quarantine-tables.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { halfDoneRollback } from '../silver/rolled-back.js';
import { snapshotNextOffsets } from '../table/snapshot-offsets.js';
import { lineOf } from '../table/state-line.js';
import type { NextOffsets, RollbackMark, Snapshot, Table, TableName, TableState } from '../table/table-api.js';
import { consistentCut, eventsBelow, rowsAt } from './consistent-cut.js';
import { existingTable } from '../table/existing-table.js';
import { resolveSnapshot } from '../care/resolve-snapshot.js';

/** Whose tables are rolled back alike. */
export type RollbackKind = 'gold' | 'bronze' | 'derived';

export interface PlannedTable {
  readonly table: Table;
  readonly from: Snapshot | null;
  /** null: to before its first snapshot. */
  readonly to: Snapshot | null;
}

export interface RollbackPlan {
  readonly kind: RollbackKind;
  /** What was asked for. */
  readonly asked: { readonly table: TableName; readonly to: Snapshot };
  /** In the order in which they go back: dispositions last. */
  readonly tables: readonly PlannedTable[];
  /** Offsets that the tables go back from and to; empty for gold. */
  readonly offsets: { readonly from: NextOffsets; readonly to: NextOffsets };
  /** Events between them: landed or derived again. */
  readonly eventsAgain: number;
  /** Events that bronze gave up in an earlier rollback and that a newer snapshot brings back. */
  readonly eventsRestored: number;
  /** Number and cut of the mark that each table gets; null for tables that are rolled back alone. */
  readonly mark: Omit<RollbackMark, 'sequence'> | null;
  /** Nothing would change. */
  readonly idle: boolean;
}

/** Which rollback a table takes part in. Throws KS_USAGE for a table that nothing of Keystone's would fill again. */
export function rollbackKind(name: string): RollbackKind {
  if (name.startsWith('gold.')) return 'gold';
  if (name === BRONZE_EVENTS.name) return 'bronze';
  if (isDerived(name)) return 'derived';
  throw new KeystoneError('KS_USAGE', `${name} is no table of Keystone's: nothing would fill it again after a rollback`, {
    hint: 'Roll it back with the engine that writes it.',
  });
}

const isDerived = (name: string): boolean =>
  name.startsWith('silver.') || [ERROR_EVENTS.name, QUARANTINE_EVENTS.name, DISPOSITIONS.name].includes(name as TableName);

/** `to`: as `resolveSnapshot` reads it. Throws KS_NOT_FOUND, KS_USAGE, KS_LOG_TRUNCATED, KS_LOG_RECREATED. */
export async function planRollback(lakehouse: Lakehouse, name: string, to: string): Promise<RollbackPlan> {
  // A name without its namespace is a slip, not a table of another engine.
  if (!name.includes('.')) await existingTable(lakehouse, name);
  const kind = rollbackKind(name);
  const table = await existingTable(lakehouse, name);
  if (kind === 'derived') return planDerived(lakehouse, table, to);
  const state = await table.state();
  const target = resolveSnapshot(state, to, table.name);
  const offsets = { from: state.nextOffsets, to: kind === 'bronze' ? offsetsOf(target, state) : state.nextOffsets };
  if (kind === 'bronze') await checkLog(lakehouse, state, offsets.to);
  return {
    kind,
    asked: { table: table.name, to: target },
    tables: [{ table, from: state.currentSnapshot, to: target }],
    offsets: kind === 'bronze' ? offsets : { from: new Map(), to: new Map() },
    ...(kind === 'bronze' ? eventsMoved(offsets, state, target) : { eventsAgain: 0, eventsRestored: 0 }),
    mark: null,
    idle: state.currentSnapshot?.id === target.id,
  };
}

/** Bronze may go back in one partition and forward in another one. */
function eventsMoved(
  { from, to }: RollbackPlan['offsets'],
  state: TableState,
  target: Snapshot,
): Pick<RollbackPlan, 'eventsAgain' | 'eventsRestored'> {
  const kept: NextOffsets = new Map(
    [...from].map(([topic, partitions]) => [
      topic,
      new Map([...partitions].map(([partition, next]) => [partition, Math.min(next, nextOffsetOf(to, topic, partition))])),
    ]),
  );
  const eventsAgain = eventsBelow(from, state.holes) - eventsBelow(kept, state.holes);
  // By the rows, since the newer snapshot may know of holes that the current one does not.
  return { eventsAgain, eventsRestored: rowsAt(target) - rowsAt(state.currentSnapshot) + eventsAgain };
}

/** Of the snapshot, or the newest of its ancestors that carries them. */
function offsetsOf(snapshot: Snapshot, state: TableState): NextOffsets {
  for (const one of lineOf({ ...state, currentSnapshot: snapshot })) {
    const offsets = snapshotNextOffsets(one);
    if (offsets.size > 0) return offsets;
  }
  return new Map();
}

/** The log must still hold, as the same log, all that bronze would give up. */
async function checkLog(lakehouse: Lakehouse, bronze: TableState, target: NextOffsets): Promise<void> {
  const log = await lakehouse.log();
  for (const [topic, partitions] of bronze.nextOffsets) {
    await sameLog(log, bronze, topic);
    const bounds = await log.bounds(topic);
    checkEnds(topic, bounds, partitions);
    for (const { partition, startOffset } of bounds) {
      const needed = nextOffsetOf(target, topic, partition);
      if (startOffset <= needed || nextOffsetOf(bronze.nextOffsets, topic, partition) <= needed) continue;
      throw new KeystoneError(
        'KS_LOG_TRUNCATED',
        `${topic} partition ${partition} begins at ${startOffset}: what bronze.events would give up from ${needed} on could not be landed again`,
        {
          hint: `keystone table history ${BRONZE_EVENTS.name}: take a snapshot that holds all below ${startOffset}.`,
          details: { topic, partition, startOffset, neededOffset: needed },
        },
      );
    }
  }
}

async function planDerived(lakehouse: Lakehouse, asked: Table, to: string): Promise<RollbackPlan> {
  const tables = await derivedTables(lakehouse);
  const states = new Map<TableName, TableState>();
  for (const table of tables) states.set(table.name, await table.state());
  const ledger = states.get(DISPOSITIONS.name);
  const own = states.get(asked.name);
  if (!ledger || !own) {
    throw new KeystoneError(
      'KS_NOT_FOUND',
      `There is no ${DISPOSITIONS.name}: nothing says what ${asked.name} was derived from`,
      {
        hint: 'keystone consume run',
      },
    );
  }
  const halfDone = [...states.values()].map((state) => halfDoneRollback(state, ledger)).find((mark) => mark !== null);
  const resumed = halfDone && resumes(halfDone, asked.name, own, to) ? halfDone : null;
  const target = resumed ? (own.snapshots.find(({ id }) => id === resumed.to) ?? null) : resolveSnapshot(own, to, asked.name);
  if (!target) throw new KeystoneError('KS_NOT_FOUND', `${asked.name} has no snapshot ${to}, or it has expired`);
  if (!resumed && !lineOf(own).some(({ id }) => id === target.id)) {
    throw new KeystoneError(
      'KS_USAGE',
      `snapshot ${target.id} of ${asked.name} was given up by an earlier rollback: derived tables go back only`,
      { hint: 'keystone consume run derives from bronze what it held.' },
    );
  }
  const holes = (await (await lakehouse.table(BRONZE_EVENTS.name))?.state())?.holes ?? [];
  // A time means the moment for all tables; a snapshot only says how far its own table goes back, the others follow no further than they must.
  const byTime = !resumed && !/^(\d+|previous|current)$/.test(to.trim()) ? resolveSnapshot(ledger, to, DISPOSITIONS.name) : null;
  const cut = consistentCut(states, holes, (name, snapshot) => {
    if (resumed && name === DISPOSITIONS.name) return (snapshot?.id ?? null) === resumed.cut;
    if (byTime && name === DISPOSITIONS.name && isAfter(snapshot, byTime)) return false;
    return name !== asked.name || !isAfter(snapshot, target);
  });
  if (!cut) {
    throw new KeystoneError(
      'KS_NOT_FOUND',
      `no moment at or before snapshot ${target.id} of ${asked.name} is kept at which all derived tables fit together`,
      {
        hint: `keystone table history ${DISPOSITIONS.name} shows what is kept; older snapshots have expired (care.keepSnapshots, care.keepFor).`,
      },
    );
  }
  const planned = tables.map((table) => ({
    table,
    from: states.get(table.name)?.currentSnapshot ?? null,
    to: cut.snapshots.get(table.name) ?? null,
  }));
  const number = 1 + Math.max(...[...states.values()].map(({ rollback }) => rollback?.number ?? 0));
  return {
    kind: 'derived',
    asked: { table: asked.name, to: target },
    tables: planned,
    offsets: { from: ledger.nextOffsets, to: cut.processed },
    eventsAgain: eventsBelow(ledger.nextOffsets, holes) - eventsBelow(cut.processed, holes),
    eventsRestored: 0,
    mark: { number, table: asked.name, to: target.id, cut: cut.snapshots.get(DISPOSITIONS.name)?.id ?? null },
    idle:
      !halfDone &&
      planned.every(({ from, to: back }) => from?.id === back?.id) &&
      [...states.values()].every(({ rolledBackFrom }) => rolledBackFrom === null),
  };
}

/** The same command again after it was stopped half-way: what `previous` or a time means now is not what it meant then. */
function resumes(mark: RollbackMark, table: TableName, state: TableState, to: string): boolean {
  if (mark.table !== table) return false;
  if (to.trim() === 'previous' || to.trim() === String(mark.to)) return true;
  return !/^(\d+|current)$/.test(to.trim()) && !isAfter(state.currentSnapshot, resolveSnapshot(state, to, table));
}

const isAfter = (one: Snapshot | null, other: Snapshot): boolean => one !== null && one.sequenceNumber > other.sequenceNumber;

/** Silver first, then the zones, dispositions last: stopped in between, no consumer builds on them and the same rollback finishes it. */
async function derivedTables(lakehouse: Lakehouse): Promise<readonly Table[]> {
  const names = (await lakehouse.tableNames()).filter(isDerived);
  const order = (name: TableName): number => (name.startsWith('silver.') ? 0 : name === DISPOSITIONS.name ? 2 : 1);
  const tables = await Promise.all(
    names.toSorted((a, b) => order(a) - order(b) || a.localeCompare(b)).map((name) => lakehouse.table(name)),
  );
  return tables.filter((table) => table !== null);
}

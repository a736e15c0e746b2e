/**
 * `table rollback`: makes older snapshots current, alone while it works: it holds the lease of whoever fills the tables. A consumer or gold
 * run of before is fenced out by the lease's token, which every table keeps.
 */
import { leaseName } from '../state/lease-name.js';
import { KeystoneError, messageOf } from '../errors.js';
import { GOLD_LEASE, GOLD_LEASE_TTL_MS } from '../gold/run-gold.js';
import type { Lakehouse } from '../lakehouse.js';
import type { LeaseKeeper } from '../state/lease-keeper.js';
import { randomHexId } from '../table/random-names.js';
import { rolledBackMetadata } from '../table/rolled-back-metadata.js';
import { snapshotById } from '../table/table-metadata.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { rowsAt } from './consistent-cut.js';
import { type PlannedTable, planRollback, rollbackKind, type RollbackKind, type RollbackPlan } from './rollback-plan.js';
import { takeLease } from './take-lease.js';

export interface RollbackOptions {
  readonly table: string;
  /** A snapshot id, a time, `previous` or `current`. */
  readonly to: string;
  readonly dryRun: boolean;
  /** The person has agreed. */
  readonly confirmed: boolean;
  readonly signal: AbortSignal;
  readonly onNotice?: (text: string) => void;
}

export interface TableRollback {
  readonly table: string;
  /** Snapshot ids as text; null: none. */
  readonly from: string | null;
  readonly to: string | null;
  /** When the snapshot was committed that is current then, ISO 8601. */
  readonly committed: string | null;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
}

/** Offsets from `to` (included) up to `from` come again; where `to` is the greater, those from `from` up to `to` are there again. */
export interface OffsetsBack {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export interface RollbackResult {
  readonly table: string;
  readonly kind: RollbackKind;
  readonly snapshot: string;
  readonly tables: readonly TableRollback[];
  readonly offsets: readonly OffsetsBack[];
  /** Recovery point: events that are landed or derived again from what is still there; none is lost. */
  readonly eventsAgain: number;
  /** Events of bronze that an earlier rollback gave up and that a newer snapshot brings back at once. */
  readonly eventsRestored: number;
  /** Recovery time so far: from the call until readers saw the older snapshots. */
  readonly seconds: number;
  readonly changed: boolean;
  readonly dryRun: boolean;
  /** The command that brings the rest again. */
  readonly next: string;
}

const NEXT: Readonly<Record<RollbackKind, string>> = {
  gold: 'keystone pipeline run',
  bronze: 'keystone consume run',
  derived: 'keystone consume run',
};

/**
 * Throws KS_USAGE (also unless `confirmed`), KS_NOT_FOUND, KS_LEASE_HELD, KS_LOG_TRUNCATED, KS_LOG_RECREATED; KS_LEASE_LOST half-way,
 * when the same rollback again finishes it.
 */
export async function rollbackTables(lakehouse: Lakehouse, options: RollbackOptions): Promise<RollbackResult> {
  const { clock } = lakehouse.effects;
  const startedMs = clock.nowMs();
  const result = (plan: RollbackPlan): RollbackResult => ({
    table: plan.asked.table,
    kind: plan.kind,
    snapshot: String(plan.asked.to.id),
    tables: plan.tables.map(describeStep),
    offsets: offsetsBack(plan),
    eventsAgain: plan.eventsAgain,
    eventsRestored: plan.eventsRestored,
    seconds: (clock.nowMs() - startedMs) / 1000,
    changed: !plan.idle,
    dryRun: options.dryRun,
    next: NEXT[plan.kind],
  });
  // Before the lease is asked for: a wrong name or snapshot is told at once, and what would happen before it is agreed to.
  const before = await planRollback(lakehouse, options.table, options.to);
  if (options.dryRun || before.idle) return result(before);
  if (!options.confirmed) {
    const moved = before.tables.filter(({ from, to }) => from?.id !== to?.id).length;
    throw new KeystoneError(
      'KS_USAGE',
      `${moved} table${moved === 1 ? '' : 's'} would go ${directionOf(before)}, and ${eventsText(before)}; nothing was changed`,
      { hint: 'The same with --dry-run shows them by table, with --yes does it.' },
    );
  }
  const lease = await leaseFor(lakehouse, options);
  try {
    // Again: what is committed between the first look and the lease would not be seen.
    const plan = await planRollback(lakehouse, options.table, options.to);
    if (plan.idle) return result(plan);
    const saveRun = await runRecord(lakehouse, startedMs);
    await saveRun('running', { table: options.table, to: options.to });
    try {
      for (const step of plan.tables) await takeBack(lakehouse, plan, step, lease);
    } catch (error) {
      await saveRun('failed', { table: options.table, to: options.to, error: messageOf(error) }).catch(() => undefined);
      throw error;
    }
    const done = result(plan);
    await saveRun('succeeded', done).catch(() => undefined); // the tables are back; only the history of runs lacks it
    return done;
  } finally {
    await lease.release();
  }
}

type EventsMoved = Pick<RollbackResult, 'eventsAgain' | 'eventsRestored'>;

/** Where the tables go: a newer snapshot than the current one lies forward. */
export const directionOf = ({ eventsAgain, eventsRestored }: EventsMoved): 'back' | 'forward' =>
  eventsRestored > 0 && eventsAgain === 0 ? 'forward' : 'back';

/** What becomes of the events between the snapshots, in words. */
export const eventsText = (moved: EventsMoved): string =>
  [
    ...(directionOf(moved) === 'back' ? [`${moved.eventsAgain} events come again`] : []),
    ...(moved.eventsRestored > 0 ? [`${moved.eventsRestored} events are there again`] : []),
  ].join(', ');

function leaseFor(lakehouse: Lakehouse, { table, to, signal, onNotice }: RollbackOptions): Promise<LeaseKeeper> {
  const again = `then: keystone table rollback ${table} --to ${to} --yes`;
  const notice = onNotice ? { onNotice } : {};
  if (rollbackKind(table) === 'gold') {
    const wayOut = `wait for it, ${again}`;
    return takeLease(lakehouse, { name: GOLD_LEASE, ttlMs: GOLD_LEASE_TTL_MS, holder: 'a gold run', wayOut, signal, ...notice });
  }
  const { config } = lakehouse;
  const wayOut = `stop it (Ctrl-C or SIGTERM; keystone consume status shows it), ${again}`;
  const name = leaseName(config.profile.log.topic);
  return takeLease(lakehouse, { name, ttlMs: config.consume.leaseTtl, holder: 'a consumer', wayOut, signal, ...notice });
}

/** One swap of the table's metadata; also where the snapshot stays, since each of the tables must refuse a builder of before. */
async function takeBack(
  lakehouse: Lakehouse,
  plan: RollbackPlan,
  { table, to }: PlannedTable,
  lease: LeaseKeeper,
): Promise<void> {
  await table.changeMetadata(async (base) => {
    if (to && !snapshotById(base, to.id)) {
      throw new KeystoneError('KS_NOT_FOUND', `snapshot ${to.id} of ${table.name} has expired meanwhile`, {
        hint: `keystone table history ${table.name} lists the snapshots that are kept.`,
      });
    }
    const target = { to: to?.id ?? null, fencingToken: lease.hold(), ...(plan.mark && { mark: plan.mark }) };
    return rolledBackMetadata(base, target, lakehouse.effects.clock.nowMs());
  });
}

const describeStep = ({ table, from, to }: PlannedTable): TableRollback => ({
  table: table.name,
  from: from === null ? null : String(from.id),
  to: to === null ? null : String(to.id),
  committed: to === null ? null : new Date(to.timestampMs).toISOString(),
  rowsBefore: rowsAt(from),
  rowsAfter: rowsAt(to),
});

const offsetsBack = ({ offsets }: RollbackPlan): readonly OffsetsBack[] =>
  [...new Set([...offsets.from.keys(), ...offsets.to.keys()])].flatMap((topic) =>
    [...new Set([offsets.from, offsets.to].flatMap((next) => [...(next.get(topic)?.keys() ?? [])]))]
      .map((partition) => ({
        topic,
        partition,
        from: nextOffsetOf(offsets.from, topic, partition),
        to: nextOffsetOf(offsets.to, topic, partition),
      }))
      .filter(({ from, to }) => from !== to)
      .toSorted((a, b) => a.partition - b.partition),
  );

async function runRecord(
  lakehouse: Lakehouse,
  startedAtMs: number,
): Promise<(status: 'running' | 'succeeded' | 'failed', detail: unknown) => Promise<void>> {
  const { clock, randomBytes } = lakehouse.effects;
  const state = await lakehouse.state();
  const id = randomHexId(randomBytes);
  return (status, detail) =>
    state.saveRun({
      id,
      command: 'table rollback',
      status,
      startedAtMs,
      endedAtMs: status === 'running' ? null : clock.nowMs(),
      detail,
    });
}

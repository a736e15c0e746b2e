/**
 * `ledger verify`: proves that every offset below bronze's next is in bronze once (or is a recorded hole, or was given up as lost), and
 * that every processed event is exactly one of current in silver or disposed of (docs/formats.md, "Account"). Quick mode adds up snapshot
 * summaries; deep mode reads the data.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { landedLogIds, isOtherLog } from '../bronze/log-identity.js';
import type { Lakehouse } from '../lakehouse.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../quarantine/quarantine-tables.js';
import { lakePlace } from '../store/lake-place.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { halfDoneRollback } from '../silver/rolled-back.js';
import { totalKey } from '../silver/verdict-totals.js';
import type { NextOffsets, OffsetHole, Snapshot, Table, TableState } from '../table/table-api.js';
import type { Account, AccountBreak, LossAccount, PartitionAccount, RolledBackTable, VerifyOptions } from './account.js';
import { type AccountCut, cutAccount } from './account-cut.js';
import { deepBreaks } from './deep-account.js';
import { DISPOSITIONS, VERDICTS } from './dispositions-table.js';
import { expiredUnread } from './expired-unread.js';
import { awayBesideSpool, lookAfterLog, lookBeforeLog } from './spool-account.js';

/** Summary key that every writer of Iceberg fills (https://iceberg.apache.org/spec/#optional-snapshot-summary-fields). */
const rowsOf = (snapshot: Snapshot | null): number => Number(snapshot?.summary['total-records'] ?? 0);

export async function verifyLedger(lakehouse: Lakehouse, options: VerifyOptions): Promise<Account> {
  // The spool before the log: what goes from one into the other meanwhile is seen there or here.
  const before = await lookBeforeLog(lakehouse);
  const names = await lakehouse.tableNames();
  const open = async (wanted: (name: string) => boolean): Promise<readonly Table[]> => {
    const tables = await Promise.all(names.filter(wanted).map((name) => lakehouse.table(name)));
    return tables.filter((table) => table !== null);
  };
  const [bronze] = await open((name) => name === BRONZE_EVENTS.name);
  const [dispositions] = await open((name) => name === DISPOSITIONS.name);
  const derived = await open(
    (name) => name.startsWith('silver.') || name === ERROR_EVENTS.name || name === QUARANTINE_EVENTS.name,
  );
  // Derived tables before bronze: what they hold was in bronze before.
  const cut = dispositions ? await cutAccount(dispositions, derived) : null;
  const bronzeState = bronze ? await bronze.state() : null;
  const landed = bronzeState?.nextOffsets ?? (new Map() as NextOffsets);
  const holes = bronzeState?.holes ?? [];
  const losses = lossAccounts(bronzeState);
  const partitions = await partitionAccounts(lakehouse, landed, cut?.processed ?? new Map(), { holes, losses }).catch(
    (error: unknown) => {
      throw awayBesideSpool(error, before.account);
    },
  );
  const spool = await lookAfterLog(lakehouse, before, options);

  const breaks: AccountBreak[] = [...spool.breaks, ...partitions.flatMap(recreated)];
  const others = bronzeState ? await otherLogs(lakehouse, bronzeState) : [];
  breaks.push(...others.map(({ found }) => found));
  // Of another topic than bronze's nothing can be said.
  const suspects = partitions.filter(({ topic }) => !others.some((other) => other.topic === topic));
  const unread = await expiredUnread(lakehouse, suspects, bronze ?? null, options.signal);
  breaks.push(...unread.breaks);
  breaks.push(...summaryBreaks(partitions, bronzeState, cut));
  if (options.deep && bronze && bronzeState) {
    breaks.push(...(await deepBreaks(lakehouse, { bronze, bronzeState, cut, partitions, holes }, options)));
  }
  const ledger = cut?.tables.get(DISPOSITIONS.name)?.state ?? null;
  const rolledBack = [
    ...(bronzeState ? rolledBackTable(BRONZE_EVENTS.name, bronzeState, null) : []),
    ...[...(cut?.tables ?? [])].flatMap(([name, { state }]) => rolledBackTable(name, state, ledger)),
  ];
  const processed = sum(partitions.map((one) => one.processedNext - holesBelow(holes, one, one.processedNext)));
  const bronzeRows = rowsOf(bronzeState?.currentSnapshot ?? null);
  return {
    mode: options.deep ? 'deep' : 'quick',
    closed: breaks.length === 0 && rolledBack.length === 0,
    partitions,
    totals: {
      bronze: bronzeRows,
      processed,
      unprocessed: Math.max(0, bronzeRows - processed),
      silver: Object.fromEntries(silverCounts(cut)),
      dispositions: dispositionCounts(cut),
      pending: sum(partitions.map(({ pending }) => pending)),
      lostAtMost: sum(losses.map(({ eventsAtMost }) => eventsAtMost)),
      expiredUnreadAtMost: sum(unread.expired.map(({ eventsAtMost }) => eventsAtMost)),
    },
    losses,
    expiredUnread: unread.expired,
    breaks,
    rolledBack,
    inFlight: cut?.inFlight ?? [],
    spool: spool.account,
    warnings: [...(await emptyLake(lakehouse, partitions)), ...spool.warnings],
  };
}

async function partitionAccounts(
  lakehouse: Lakehouse,
  landed: NextOffsets,
  processed: NextOffsets,
  missing: { readonly holes: readonly OffsetHole[]; readonly losses: readonly OffsetHole[] },
): Promise<readonly PartitionAccount[]> {
  const log = await lakehouse.log();
  const topics = [...new Set([lakehouse.config.profile.log.topic, ...landed.keys()])].toSorted();
  const accounts: PartitionAccount[] = [];
  for (const topic of topics) {
    const bounds = new Map((await log.bounds(topic)).map((bound) => [bound.partition, bound]));
    const numbers = new Set([...bounds.keys(), ...(landed.get(topic)?.keys() ?? [])]);
    for (const partition of [...numbers].toSorted((a, b) => a - b)) {
      const bound = bounds.get(partition);
      const bronzeNext = nextOffsetOf(landed, topic, partition);
      const account = {
        topic,
        partition,
        logStart: bound?.startOffset ?? null,
        logEnd: bound?.endOffset ?? null,
        bronzeNext,
        processedNext: nextOffsetOf(processed, topic, partition),
        // What has expired waits for nobody.
        pending: bound ? Math.max(0, bound.endOffset - Math.max(bronzeNext, bound.startOffset)) : 0,
      };
      // What was given up is in both.
      const lost = holesBelow(missing.losses, account, bronzeNext);
      accounts.push({ ...account, holes: holesBelow(missing.holes, account, bronzeNext) - lost, lost });
    }
  }
  return accounts;
}

const lossAccounts = (bronze: TableState | null): readonly LossAccount[] =>
  (bronze?.losses ?? []).flatMap(({ acceptedAtMs, by, reason, offsets }) =>
    offsets.map((range) => ({
      ...range,
      eventsAtMost: range.toExclusive - range.from,
      acceptedAt: new Date(acceptedAtMs).toISOString(),
      by,
      reason,
    })),
  );

/** Offsets of the partition below `end` that lie in these ranges, which do not overlap. */
const holesBelow = (holes: readonly OffsetHole[], of: { topic: string; partition: number }, end: number): number =>
  sum(
    holes
      .filter((hole) => hole.topic === of.topic && hole.partition === of.partition && hole.from < end)
      .map((hole) => Math.min(hole.toExclusive, end) - hole.from),
  );

const recreated = (one: PartitionAccount): readonly AccountBreak[] =>
  one.bronzeNext > 0 && (one.logEnd === null || one.logEnd < one.bronzeNext)
    ? [
        {
          kind: 'log-recreated',
          table: BRONZE_EVENTS.name,
          detail: `${one.topic} partition ${one.partition} ends at ${one.logEnd ?? 'nothing'}, below what bronze holds (${one.bronzeNext})`,
          count: one.bronzeNext - (one.logEnd ?? 0),
          offsets: [],
        },
      ]
    : [];

/** Committed offsets are only hints, but those of a lake that holds nothing say that another lake was filled from this log. */
async function emptyLake(lakehouse: Lakehouse, partitions: readonly PartitionAccount[]): Promise<readonly string[]> {
  const { config } = lakehouse;
  const log = await lakehouse.log();
  const warnings: string[] = [];
  for (const topic of new Set(partitions.map((one) => one.topic))) {
    if (partitions.some((one) => one.topic === topic && one.bronzeNext > 0)) continue;
    const committed = sum([...(await log.committedOffsets(config.consume.group, topic)).values()]);
    if (committed === 0) continue;
    warnings.push(
      `${config.consume.group} has consumed ${topic} up to ${committed} offsets, and ${lakePlace(config.profile)} is empty: is it the right lake?`,
    );
  }
  return warnings;
}

/** A topic that was made anew and has outgrown the old one has no offset that would give it away. */
async function otherLogs(
  lakehouse: Lakehouse,
  bronze: TableState,
): Promise<readonly { readonly topic: string; readonly found: AccountBreak }[]> {
  const log = await lakehouse.log();
  const others: { readonly topic: string; readonly found: AccountBreak }[] = [];
  for (const topic of Object.keys(landedLogIds(bronze)).toSorted()) {
    if (!isOtherLog(bronze, topic, await log.topicId(topic))) continue;
    const found = {
      kind: 'log-recreated',
      table: BRONZE_EVENTS.name,
      detail: `${topic} is not the topic that bronze was landed from, another one of the same name: it was deleted or recreated`,
      count: sum([...(bronze.nextOffsets.get(topic)?.values() ?? [])]),
      offsets: [],
    } as const;
    others.push({ topic, found });
  }
  return others;
}

/** What the snapshot summaries alone must add up to. */
function summaryBreaks(
  partitions: readonly PartitionAccount[],
  bronze: TableState | null,
  cut: AccountCut | null,
): readonly AccountBreak[] {
  const breaks: AccountBreak[] = [];
  const expect = (table: string, what: string, found: number, expected: number): void => {
    if (found !== expected) {
      breaks.push({
        kind: 'count',
        table,
        detail: `${what}: ${found}, expected ${expected}`,
        count: Math.abs(found - expected),
        offsets: [],
      });
    }
  };
  const landed = sum(partitions.map(({ bronzeNext, holes, lost }) => bronzeNext - holes - lost));
  expect(BRONZE_EVENTS.name, 'events in bronze against its offsets', rowsOf(bronze?.currentSnapshot ?? null), landed);
  if (!cut) return breaks;
  const holes = bronze?.holes ?? [];
  const processed = sum(partitions.map((one) => one.processedNext - holesBelow(holes, one, one.processedNext)));
  const silver = sum(silverCounts(cut).map(([, rows]) => rows));
  const ledger = cut.tables.get(DISPOSITIONS.name)?.snapshot ?? null;
  expect(DISPOSITIONS.name, 'current silver rows plus dispositions against processed events', silver + rowsOf(ledger), processed);
  const verdicts = dispositionCounts(cut);
  expect(DISPOSITIONS.name, 'dispositions by verdict against all', sum(Object.values(verdicts)), rowsOf(ledger));
  expect(
    ERROR_EVENTS.name,
    'rows against error dispositions',
    rowsOf(cut.tables.get(ERROR_EVENTS.name)?.snapshot ?? null),
    verdicts['error'] ?? 0,
  );
  const quarantined = rowsOf(cut.tables.get(QUARANTINE_EVENTS.name)?.snapshot ?? null);
  expect(QUARANTINE_EVENTS.name, 'rows against quarantined dispositions', quarantined, verdicts['quarantined'] ?? 0);
  return breaks;
}

function silverCounts(cut: AccountCut | null): readonly (readonly [string, number])[] {
  return [...(cut?.tables ?? [])]
    .filter(([name]) => name.startsWith('silver.'))
    .map(([name, { snapshot }]) => [name.slice('silver.'.length), rowsOf(snapshot)] as const)
    .toSorted(([a], [b]) => a.localeCompare(b));
}

function dispositionCounts(cut: AccountCut | null): Readonly<Record<string, number>> {
  const summary = cut?.tables.get(DISPOSITIONS.name)?.snapshot?.summary ?? {};
  return Object.fromEntries(VERDICTS.map((verdict) => [verdict, Number(summary[totalKey(verdict)] ?? 0)]));
}

/** Rolled back alone, or by a rollback that has not come to `ledger` yet. */
function rolledBackTable(table: string, state: TableState, ledger: TableState | null): readonly RolledBackTable[] {
  const halfDone = ledger !== null && halfDoneRollback(state, ledger) !== null;
  if (!state.rolledBackFrom && !halfDone) return [];
  const from = state.rolledBackFrom ?? state.snapshots.at(-1);
  return [{ table, currentSnapshot: state.currentSnapshot?.id.toString() ?? null, rolledBackFrom: from?.id.toString() ?? null }];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

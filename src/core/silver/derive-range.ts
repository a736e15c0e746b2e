/**
 * One step of the way from bronze to silver: classifies every event of an offset range and commits error zone, quarantine,
 * dispositions, silver, in this order, each under its own offset fence. A crash between two commits is finished by doing the same
 * range again: classification is a function of the range and of what was current before it, and tables that already took the range
 * refuse it.
 */
import type { Contract } from '../contract/contract.js';
import { HEADER_CSV_LINE } from '../event/envelope.js';
import type { CommitOutcome, NextOffsets, Table } from '../table/table-api.js';
import { writeDataFiles } from '../table/write-data-files.js';
import { type DatasetRows, driftOf, prepareDataset, silverRowsSql, withFilesOfNow } from './dataset-rows.js';
import type { DerivedCounts, Derivation } from './derivation.js';
import { alreadyCovers, fenceFor, printRange, type TopicRange } from './offset-ranges.js';
import { DISPOSITION_ROWS, rejectAndDispose, REJECTS } from './range-verdicts.js';
import { bronzeRowsSql, headerSql, RANGE_ROWS, readRange } from './read-range.js';
import { findRepeatedEvents, REPEATED } from './repeated-events.js';
import { recordVersions } from './settle-versions.js';
import { verdictTotals } from './verdict-totals.js';
import { idHashSql, IS_CONFLICT } from './seen-index.js';
import { randomHexId } from '../table/random-names.js';
import { holdOrDiscard } from '../table/hold-or-discard.js';

/** Summary keys of a dispositions snapshot: the range it brought, and the datasets whose silver follows it. */
export const SUMMARY_RANGE = 'keystone.range';
export const SUMMARY_SILVER = 'keystone.silver';
/** Contract hashes the range was classified with, by dataset. */
export const SUMMARY_CONTRACTS = 'keystone.contracts';

/** `lost`: another builder was faster; nothing more was committed and the caller starts from the tables again. */
export type DeriveOutcome =
  | { readonly kind: 'derived'; readonly counts: DerivedCounts }
  | { readonly kind: 'lost'; readonly table: string; readonly reason: string };

/** `silverOnly`: dispositions already hold the range; only these datasets' silver is missing. */
export type DeriveMode = { readonly kind: 'all' } | { readonly kind: 'silverOnly'; readonly datasets: ReadonlySet<string> };

export async function deriveRange(derivation: Derivation, range: TopicRange, mode: DeriveMode): Promise<DeriveOutcome> {
  const { session, store, tables, contracts, seen } = derivation;
  // A range that is done again must not meet what its first attempt left in the index.
  if (mode.kind === 'silverOnly') seen.invalidate();
  const bases = await readBases(derivation);
  const events = await readRange(session, tables.bronze, store, range);
  const present = await session.rows<{ dataset: string }>(`SELECT DISTINCT dataset FROM ${RANGE_ROWS} ORDER BY 1`);
  const known = present
    .flatMap(({ dataset }) => contracts.get(dataset) ?? [])
    .filter(({ dataset }) => mode.kind === 'all' || mode.datasets.has(dataset));
  await seen.load(known, {
    dispositions: tables.dispositions,
    silver: (dataset) => tables.silver.get(dataset) as Table,
    store,
    redone: mode.kind === 'silverOnly' ? range : null,
  });
  await findRepeatedEvents(session, seen, tables.bronze, store);
  const datasets: DatasetRows[] = [];
  for (const [index, contract] of known.entries()) datasets.push(await prepareDataset(derivation, contract, index));

  let repeated = mode.kind === 'silverOnly';
  const commit = async (table: Table, sql: string, extra: CommitExtra = {}): Promise<Refusal | null> => {
    const base = bases.get(table.name) as NextOffsets;
    if (alreadyCovers(base, range)) {
      repeated = true;
      return null;
    }
    const commitId = randomHexId(derivation.randomBytes);
    const add = await writeDataFiles(session, table, sql, { fileName: (n) => `${commitId}-${n}` });
    const fencingToken = await holdOrDiscard(derivation.holdLease, store, add);
    const outcome = await table.commit({
      add,
      ...(extra.remove && extra.remove.length > 0 ? { remove: extra.remove } : {}),
      fence: fenceFor(range, base, fencingToken),
      ...(extra.summary ? { summary: extra.summary } : {}),
    });
    return outcome.kind === 'committed' ? null : outcome;
  };
  const lost = (table: Table, { reason }: Refusal): DeriveOutcome => {
    seen.invalidate();
    return { kind: 'lost', table: table.name, reason };
  };

  // The hashes of every contract that classified the range; null for a dataset that had none.
  const contractHashes = JSON.stringify(
    Object.fromEntries(present.map(({ dataset }) => [dataset, contracts.get(dataset)?.hash ?? null])),
  );
  const processedAt = `make_timestamp(${BigInt(derivation.clock.nowMs()) * 1000n})`;
  const counts = await rejectAndDispose(derivation, datasets, mode.kind === 'all');
  if (mode.kind === 'all') {
    const bronzeRows = counts.error + counts.quarantined > 0 ? await bronzeRowsSql(tables.bronze, store, range) : '';
    const rejectJoin = `(${bronzeRows}) b JOIN ${REJECTS} r ON b.kafka_partition = r._partition AND b.kafka_offset = r._offset AND b.topic = r._topic`;
    if (counts.error > 0) {
      const refusal = await commit(
        tables.error,
        `SELECT b.*, r.class, r.detail, TRY_CAST(${headerSql(HEADER_CSV_LINE)} AS BIGINT) AS csv_line, ${processedAt} AS processed_at FROM ${rejectJoin} WHERE r.class IS NOT NULL`,
      );
      if (refusal) return lost(tables.error, refusal);
    }
    if (counts.quarantined > 0) {
      const refusal = await commit(
        tables.quarantine,
        `SELECT b.*, r.reasons, r.contract_version, r.hint AS partition_hint, ${processedAt} AS processed_at FROM ${rejectJoin} WHERE r.class IS NULL`,
        { summary: { [SUMMARY_CONTRACTS]: contractHashes } },
      );
      if (refusal) return lost(tables.quarantine, refusal);
    }
    const touched = datasets.filter(({ winnerCount }) => winnerCount > 0);
    const refusal = await commit(tables.dispositions, `SELECT *, ${processedAt} AS processed_at FROM ${DISPOSITION_ROWS}`, {
      summary: {
        [SUMMARY_RANGE]: printRange(range),
        [SUMMARY_SILVER]: JSON.stringify(touched.map(({ contract }) => contract.dataset)),
        [SUMMARY_CONTRACTS]: contractHashes,
        ...(await verdictTotals(tables.dispositions, counts)),
      },
    });
    if (refusal) return lost(tables.dispositions, refusal);
  }
  for (const dataset of datasets) {
    if (dataset.winnerCount === 0) continue;
    const silver = tables.silver.get(dataset.contract.dataset) as Table;
    let rows = dataset;
    for (let tries = 1; ; tries++) {
      const refusal = await commit(silver, await silverRowsSql(derivation, rows, silver), { remove: rows.leavingPaths });
      if (!refusal) break;
      if (refusal.kind === 'fenced' || rows.leavingPaths.length === 0 || tries === MOVED_FILES_TRIES)
        return lost(silver, refusal);
      rows = await withFilesOfNow(derivation, rows);
    }
  }
  // A range that was done in part before met tables that already hold some of it, and datasets whose silver was not read: what
  // the index would learn here is not what the tables say, so it reads them again.
  if (repeated) seen.invalidate();
  else await remember(derivation, datasets);
  const drift: Record<string, Readonly<Record<string, number>>> = {};
  for (const rows of datasets) {
    const fields = await driftOf(derivation, rows);
    if (Object.keys(fields).length > 0) drift[rows.contract.dataset] = fields;
  }
  return { kind: 'derived', counts: { ...counts, events, drift } };
}

type Refusal = Exclude<CommitOutcome, { readonly kind: 'committed' }>;

/** A compaction beside the builder moves superseded rows to other files now and then; a file that is gone so often means more. */
const MOVED_FILES_TRIES = 5;

interface CommitExtra {
  readonly remove?: readonly string[];
  readonly summary?: Readonly<Record<string, string>>;
}

/** What each table says before the range is computed: the fences expect exactly this, so a stale builder is refused. */
async function readBases({ tables }: Derivation): Promise<ReadonlyMap<string, NextOffsets>> {
  const bases = new Map<string, NextOffsets>();
  for (const table of [tables.error, tables.quarantine, tables.dispositions, ...tables.silver.values()]) {
    bases.set(table.name, (await table.state()).nextOffsets);
  }
  return bases;
}

/** After the commits: the range's ids and keys are known now. */
async function remember({ session, seen }: Derivation, datasets: readonly DatasetRows[]): Promise<void> {
  await session.run(`INSERT INTO ${seen.ids} SELECT id_hash, _topic, _partition, _offset FROM ${RANGE_ROWS} r
    WHERE NOT EXISTS (SELECT 1 FROM ${REPEATED} d WHERE d._topic = r._topic AND d._partition = r._partition AND d._offset = r._offset)`);
  await session.run(`INSERT INTO ${seen.conflicts}
    SELECT ${idHashSql('dataset', 'event_id')}, topic, kafka_partition, kafka_offset FROM ${DISPOSITION_ROWS} WHERE ${IS_CONFLICT}`);
  for (const { contract, typed } of datasets) {
    if (contract.key.length > 0) await recordVersions(session, contract, seen, typed);
  }
}

/**
 * The contracts of a range that is half done must be those it was begun with; returns the dataset that differs. `datasets`: only
 * these still matter; default all of the range.
 */
export function changedContract(
  summary: Readonly<Record<string, string>>,
  contracts: ReadonlyMap<string, Contract>,
  datasets?: ReadonlySet<string>,
): string | null {
  const hashes = JSON.parse(summary[SUMMARY_CONTRACTS] ?? '{}') as Record<string, string | null>;
  for (const [dataset, hash] of Object.entries(hashes)) {
    if ((datasets?.has(dataset) ?? true) && (contracts.get(dataset)?.hash ?? null) !== hash) return dataset;
  }
  return null;
}

/** The verdict on events that bronze holds: where each is now, and which other events it gave way to or stands instead of. */
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { Lakehouse } from '../lakehouse.js';
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import { lineOf } from '../table/state-line.js';
import { snapshotNextOffsets } from '../table/snapshot-offsets.js';
import type { NextOffsets, Snapshot, TableState } from '../table/table-api.js';
import { type BronzeRow, findPlaces, isSamePlace } from './bronze-rows.js';
import { type Disposition, findDispositions, findZoneRow } from './dispositions.js';
import type { rowPlaces } from './file-rows.js';
import { momentText } from './moment-text.js';
import { findSilverRows, silverOf, type SilverRow } from './silver-rows.js';
import { type LogPlace, placeText } from './trace-target.js';
import type { EventRef, SnapshotRef, Verdict } from './traced-event.js';

export interface JudgedEvent {
  readonly row: BronzeRow;
  readonly verdict: Verdict;
  readonly supersedes: readonly EventRef[];
  /** Its silver row when it is current. */
  readonly silver: SilverRow | null;
}

type PlaceOfRow = ReturnType<typeof rowPlaces>;

export async function judgeEvents(
  lakehouse: Lakehouse,
  session: DuckSession,
  contracts: ReadonlyMap<string, Contract>,
  rows: readonly BronzeRow[],
  placeOf: PlaceOfRow,
): Promise<readonly JudgedEvent[]> {
  const current = new Map<string, SilverRow>();
  const find = async (events: readonly BronzeRow[], isPruned: boolean): Promise<void> => {
    for (const dataset of new Set(events.map((row) => row.dataset))) {
      const own = events.filter((row) => row.dataset === dataset);
      const contract = isPruned ? contracts.get(dataset) : undefined;
      for (const found of await findSilverRows(lakehouse, session, dataset, contract, own))
        current.set(placeText(found.event), found);
    }
  };
  await find(rows, true);
  const ledger = await lakehouse.table(DISPOSITIONS.name);
  const judgedUpTo: NextOffsets = ledger ? (await ledger.state()).nextOffsets : new Map();
  const dispositions = await findDispositions(lakehouse, session, rows);
  const own = (row: LogPlace): Disposition | undefined => dispositions.find((one) => isSamePlace(one, row));
  const isJudged = ({ topic, partition, offset }: LogPlace): boolean => offset < (judgedUpTo.get(topic)?.get(partition) ?? 0);
  // Pruning trusts the contract as it is now; a row that was typed under another one may lie in another partition.
  await find(
    rows.filter((row) => isJudged(row) && !current.has(placeText(row)) && !own(row)),
    false,
  );
  const refs = await refsOf(session, lakehouse, dispositions);

  const verdictOf = async (row: BronzeRow): Promise<Verdict> => {
    const silver = current.get(placeText(row));
    if (silver) {
      const at = await placeOf(silver.path, silver.row);
      const snapshot = broughtBy(await silver.table.state(), row);
      return { kind: 'current', table: silver.table.name, snapshot, values: silver.values, ...at };
    }
    const disposition = own(row);
    if (!disposition) {
      // Silver commits after the dispositions of its range: until then its own offsets lag behind, and nothing is lost.
      if (isJudged(row) && (await silverHasPassed(lakehouse, row))) return { kind: 'lost' };
      const eventsBefore = Math.max(0, row.offset - (judgedUpTo.get(row.topic)?.get(row.partition) ?? 0));
      return { kind: 'pending', waitsFor: 'silver', eventsBefore };
    }
    const processedAt = momentText(disposition.processedAtUs);
    const winner = disposition.winner && refs(disposition.winner);
    if (disposition.verdict === 'duplicate') return { kind: 'duplicate', of: winner, processedAt };
    if (disposition.verdict === 'superseded') return { kind: 'superseded', by: winner, processedAt };
    const zone = disposition.verdict === 'error' ? 'error' : 'quarantined';
    const kept = await findZoneRow(lakehouse, session, zone, row);
    const at = kept ? await placeOf(kept.path, kept.row) : {};
    if (zone === 'error') {
      const { class: name = null, detail = null, csvLine = null } = kept ?? {};
      return { kind: 'error', class: name ?? disposition.reasons[0] ?? 'unknown', detail, csvLine, processedAt, ...at };
    }
    return {
      kind: 'quarantined',
      reasons: disposition.reasons,
      contractVersion: kept?.contractVersion ?? null,
      partition: kept?.partition ?? null,
      conflictsWith: winner,
      processedAt,
      ...at,
    };
  };

  const judged: JudgedEvent[] = [];
  for (const row of rows) {
    const gaveWay = dispositions.filter(
      ({ verdict, winner }) => verdict === 'superseded' && winner !== null && isSamePlace(winner, row),
    );
    judged.push({
      row,
      verdict: await verdictOf(row),
      supersedes: gaveWay.map(refs).toSorted(byLogTime),
      silver: current.get(placeText(row)) ?? null,
    });
  }
  return judged;
}

async function silverHasPassed(lakehouse: Lakehouse, { dataset, topic, partition, offset }: BronzeRow): Promise<boolean> {
  const silver = await silverOf(lakehouse, dataset);
  return silver !== null && ((await silver.state()).nextOffsets.get(topic)?.get(partition) ?? 0) > offset;
}

const byLogTime = (a: EventRef, b: EventRef): number =>
  (a.logTime ?? '').localeCompare(b.logTime ?? '') || a.partition - b.partition || a.offset - b.offset;

/** The snapshot of the current line whose commit first covered the event; null when that one has expired. */
export function broughtBy(state: TableState, { topic, partition, offset }: LogPlace): SnapshotRef | null {
  const covers = (snapshot: Snapshot): boolean => (snapshotNextOffsets(snapshot).get(topic)?.get(partition) ?? 0) > offset;
  const line = lineOf(state);
  const first = line.findLast(covers);
  // The oldest that is kept covers it: whether it or an expired one brought it cannot be told, unless it is the table's first.
  if (!first || (first === line.at(-1) && first.parentId !== null)) return null;
  return { id: String(first.id), committed: new Date(first.timestampMs).toISOString() };
}

/** Other events that dispositions speak of, with their ids from bronze. */
async function refsOf(
  session: DuckSession,
  lakehouse: Lakehouse,
  dispositions: readonly Disposition[],
): Promise<(place: LogPlace) => EventRef> {
  const bronze = await lakehouse.table('bronze.events');
  const places = dispositions.flatMap((one) => (one.winner ? [one, one.winner] : []));
  const rows = bronze ? await findPlaces(session, bronze, places) : [];
  return ({ topic, partition, offset }) => {
    const place = { topic, partition, offset };
    const row = rows.find((one) => isSamePlace(one, place));
    return { ...place, eventId: row?.eventId ?? null, logTime: row ? momentText(row.logTimeUs) : null };
  };
}

/** What `ledger.dispositions` and the zones of rejects say of events. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../quarantine/quarantine-tables.js';
import type { DataFile, ScanOptions } from '../table/table-api.js';
import { type BronzeRow, isSamePlace } from './bronze-rows.js';
import { fileRowsSql } from './file-rows.js';
import type { LogPlace } from './trace-target.js';

export interface Disposition extends LogPlace {
  readonly verdict: string;
  readonly reasons: readonly string[];
  readonly winner: LogPlace | null;
  readonly processedAtUs: bigint;
}

interface StoredDisposition extends Readonly<Record<string, unknown>> {
  readonly topic: string;
  readonly kafka_partition: number;
  readonly kafka_offset: bigint;
  readonly verdict: string;
  readonly reasons: { readonly items: readonly string[] };
  readonly winner_partition: number | null;
  readonly winner_offset: bigint | null;
  readonly processed_at: bigint;
}

type Bounds = NonNullable<ScanOptions['bounds']>;

/** Dispositions of the events themselves, and those of events that gave way to one of them. Of several of one event the last counts. */
export async function findDispositions(
  lakehouse: Lakehouse,
  session: DuckSession,
  places: readonly LogPlace[],
): Promise<readonly Disposition[]> {
  const table = await lakehouse.table(DISPOSITIONS.name);
  if (!table || places.length === 0) return [];
  const files = new Map<string, DataFile>();
  const add = async (bounds: Bounds): Promise<void> => {
    for (const file of (await table.scan({ bounds })).files) files.set(file.path, file);
  };
  for (const { partition, offset } of places) {
    await add([
      { column: 'kafka_partition', min: partition, max: partition },
      { column: 'kafka_offset', min: offset, max: offset },
    ]);
    await add([
      { column: 'winner_partition', min: partition, max: partition },
      { column: 'winner_offset', min: offset, max: offset },
    ]);
  }
  if (files.size === 0) return [];
  const offsets = [...new Set(places.map(({ offset }) => offset))].join(', ');
  const columns =
    'topic, kafka_partition, kafka_offset, verdict, reasons, winner_partition, winner_offset, epoch_us(processed_at) AS processed_at';
  // The two narrow columns first: the others of so many rows cost many times as much.
  const near = await session.rows<{ readonly _path: string; readonly _row: bigint }>(
    `SELECT _path, _row FROM (${await fileRowsSql(table.store, [...files.values()], 'kafka_offset, winner_offset')})
     WHERE kafka_offset IN (${offsets}) OR winner_offset IN (${offsets})`,
  );
  const stored: StoredDisposition[] = [];
  for (const path of new Set(near.map(({ _path }) => _path))) {
    const rows = near.flatMap(({ _path, _row }) => (_path === path ? [_row] : []));
    const file = [...files.values()].filter((one) => one.path === path);
    stored.push(
      ...(await session.rows<StoredDisposition>(
        `SELECT * FROM (${await fileRowsSql(table.store, file, columns)}) WHERE _row IN (${rows.join(', ')})`,
      )),
    );
  }
  stored.sort((a, b) => Number(a.processed_at - b.processed_at));
  const latest = new Map<string, Disposition>();
  for (const row of stored) {
    const place = { topic: row.topic, partition: row.kafka_partition, offset: Number(row.kafka_offset) };
    const winner =
      row.winner_partition === null || row.winner_offset === null
        ? null
        : { topic: row.topic, partition: row.winner_partition, offset: Number(row.winner_offset) };
    const concerns = places.some((one) => isSamePlace(one, place) || (winner !== null && isSamePlace(one, winner)));
    if (!concerns) continue;
    const disposition = { ...place, verdict: row.verdict, reasons: row.reasons.items, winner, processedAtUs: row.processed_at };
    latest.set(JSON.stringify(place), disposition);
  }
  return [...latest.values()];
}

/** The row that a zone keeps of a rejected event. */
export interface ZoneRow {
  readonly event: BronzeRow;
  readonly path: string;
  readonly row: number;
  readonly class: string | null;
  readonly detail: string | null;
  readonly csvLine: number | null;
  readonly reasons: readonly string[];
  readonly contractVersion: string | null;
  readonly partition: string | null;
}

/** The zone that keeps a rejected event holds it under its own log time, which names the day it lies in. */
export async function findZoneRow(
  lakehouse: Lakehouse,
  session: DuckSession,
  zone: 'error' | 'quarantined',
  event: BronzeRow,
): Promise<ZoneRow | null> {
  const table = await lakehouse.table(zone === 'error' ? ERROR_EVENTS.name : QUARANTINE_EVENTS.name);
  if (!table) return null;
  const { files } = await table.scan({
    bounds: [
      { column: 'log_time', min: event.logTimeUs, max: event.logTimeUs },
      { column: 'kafka_partition', min: event.partition, max: event.partition },
      { column: 'kafka_offset', min: event.offset, max: event.offset },
    ],
  });
  if (files.length === 0) return null;
  const columns =
    zone === 'error'
      ? 'topic, kafka_partition, kafka_offset, class, detail, csv_line, []::VARCHAR[] AS reasons, NULL::VARCHAR AS contract_version, NULL::VARCHAR AS partition_hint'
      : 'topic, kafka_partition, kafka_offset, NULL::VARCHAR AS class, NULL::VARCHAR AS detail, NULL::BIGINT AS csv_line, reasons, contract_version, partition_hint';
  const [row] = await session.rows<{
    readonly _path: string;
    readonly _row: bigint;
    readonly class: string | null;
    readonly detail: string | null;
    readonly csv_line: bigint | null;
    readonly reasons: { readonly items: readonly string[] };
    readonly contract_version: string | null;
    readonly partition_hint: string | null;
  }>(
    `${await fileRowsSql(table.store, files, columns)}
     WHERE kafka_offset = ${event.offset} AND kafka_partition = ${event.partition} AND topic = ${quoteLiteral(event.topic)} LIMIT 1`,
  );
  if (!row) return null;
  return {
    event,
    path: row._path,
    row: Number(row._row),
    class: row.class,
    detail: row.detail,
    csvLine: row.csv_line === null ? null : Number(row.csv_line),
    reasons: row.reasons.items,
    contractVersion: row.contract_version,
    partition: row.partition_hint,
  };
}

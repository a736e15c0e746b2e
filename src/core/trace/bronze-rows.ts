/** Finds events in bronze: by id or key through the id index, by place through the files' offset bounds. */
import { filesHolding } from '../bronze/files-holding.js';
import { type FileFilter, type IndexedColumn, mayHold } from '../bronze/id-index.js';
import { indexDataFiles } from '../bronze/index-data-file.js';
import { dataFileName, idIndexKey, readIdIndex } from '../bronze/index-files.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { ReportProgress } from '../progress.js';
import type { ObjectStore } from '../store/object-store.js';
import { eachBounded } from '../table/each-bounded.js';
import type { DataFile, Table } from '../table/table-api.js';
import { fileRowsSql } from './file-rows.js';
import type { LogPlace } from './trace-target.js';

/** A row of bronze, times in microseconds since the epoch. */
export interface BronzeRow extends LogPlace {
  readonly logTimeUs: bigint;
  readonly ingestedAtUs: bigint;
  readonly eventId: string;
  readonly dataset: string;
  readonly source: string | null;
  readonly key: Uint8Array | null;
  /** `ks-received-at` as it came. */
  readonly receivedAt: string | null;
  /** `ks-replay-of` as it came; the newest, where it was replayed again and again. */
  readonly replayOf: string | null;
  /** `ks-received-at` came along from the original: it stands behind `ks-replay-of`, and that of a door before it. */
  readonly isReceiptOfOriginal: boolean;
  readonly payload: Uint8Array | null;
  /** `DataFile.path`. */
  readonly path: string;
  readonly row: number;
}

export interface FoundRows {
  readonly rows: readonly BronzeRow[];
  /** Rows that fit; `rows` holds at most `MOST_EVENTS` of them. */
  readonly total: number;
}

/** Events that one answer holds; an id or a key may have come a million times. */
export const MOST_EVENTS = 500;
/** Rows of an offset over all topics and partitions, and many offsets at once. */
const MOST_PLACES = 100_000;
const INDEXES_AT_ONCE = 16;

/** How the id index narrowed the search. */
export interface IndexUse {
  readonly dataFiles: number;
  /** Files whose ids were read. */
  readonly readFiles: number;
  /** Files that had no usable index before. */
  readonly madeIndexes: number;
}

interface Blob {
  readonly bytes: Uint8Array;
}

interface StoredRow extends Readonly<Record<string, unknown>> {
  readonly topic: string;
  readonly kafka_partition: number;
  readonly kafka_offset: bigint;
  readonly log_time: bigint;
  readonly ingested_at: bigint;
  readonly event_id: string;
  readonly dataset: string;
  readonly source: string | null;
  readonly key: Blob | null;
  readonly received_at: Blob | null;
  readonly replay_of: Blob | null;
  readonly is_receipt_of_original: boolean;
  readonly payload: Blob | null;
  readonly _path: string;
  readonly _row: bigint;
}

const COLUMNS = `topic, kafka_partition, kafka_offset, epoch_us(log_time) AS log_time, epoch_us(ingested_at) AS ingested_at, event_id, dataset, source,
  "key", list_filter(headers, lambda h: h.key = 'ks-received-at')[1].value AS received_at,
  list_filter(headers, lambda h: h.key = 'ks-replay-of')[1].value AS replay_of,
  coalesce(list_position(list_transform(headers, lambda h: h.key), 'ks-received-at')
    > list_position(list_transform(headers, lambda h: h.key), 'ks-replay-of'), false) AS is_receipt_of_original, payload`;

/** Rows with one of these event ids (or partition keys), in log order of each partition. Files without a usable index get one. */
export async function findIndexed(
  session: DuckSession,
  bronze: Table,
  column: IndexedColumn,
  values: readonly Uint8Array[],
  onProgress: ReportProgress = () => undefined,
): Promise<FoundRows & { readonly use: IndexUse }> {
  const { files } = await bronze.scan();
  const mayHoldAny = (filter: FileFilter): boolean => values.some((value) => mayHold(filter, column, value));
  const { candidates, made } = await candidatesOf(session, bronze.store, files, mayHoldAny, onProgress);
  const use = { dataFiles: files.length, readFiles: candidates.length, madeIndexes: made };
  const literals = values.map((value) =>
    column === 'key' ? `from_hex('${Buffer.from(value).toString('hex')}')` : quoteLiteral(Buffer.from(value).toString('utf8')),
  );
  if (literals.length === 0) return { rows: [], total: 0, use };
  const name = quoteIdentifier(column === 'key' ? 'key' : 'event_id');
  return { ...(await readRows(session, bronze.store, candidates, name, `${name} IN (${literals.join(', ')})`)), use };
}

/** Rows at these places, as far as bronze holds them. */
export async function findPlaces(
  session: DuckSession,
  bronze: Table,
  places: readonly LogPlace[],
): Promise<readonly BronzeRow[]> {
  if (places.length === 0) return [];
  const spans = places.map(({ topic, partition, offset }) => ({ topic, partition, from: offset, toExclusive: offset + 1 }));
  const files = await filesHolding(bronze, spans);
  const offsets = [...new Set(places.map(({ offset }) => offset))];
  const { rows } = await readRows(
    session,
    bronze.store,
    files,
    'kafka_offset',
    `kafka_offset IN (${offsets.join(', ')})`,
    MOST_PLACES,
  );
  return rows.filter((row) => places.some((place) => isSamePlace(place, row)));
}

export const isSamePlace = (a: LogPlace, b: LogPlace): boolean =>
  a.offset === b.offset && a.partition === b.partition && a.topic === b.topic;

/** The data files that the index does not rule out. A file without a usable index gets one, which counts in `made`. */
async function candidatesOf(
  session: DuckSession,
  store: ObjectStore,
  files: readonly DataFile[],
  mayHoldAny: (filter: FileFilter) => boolean,
  onProgress: ReportProgress,
): Promise<{ readonly candidates: readonly DataFile[]; readonly made: number }> {
  const byKey = new Map<string, DataFile[]>();
  for (const file of files) {
    const key = idIndexKey(file.path);
    const together = byKey.get(key);
    if (together) together.push(file);
    else byKey.set(key, [file]);
  }
  const candidates: DataFile[] = [];
  const without: (readonly DataFile[])[] = [];
  // Filters are asked and let go: those of a large lake would fill the memory together.
  await eachBounded([...byKey], INDEXES_AT_ONCE, async ([key, together]) => {
    const filters = await readIdIndex(store, key);
    if (!filters || !together.every(({ path }) => filters.has(dataFileName(path)))) without.push(together);
    else candidates.push(...together.filter(({ path }) => mayHoldAny(filters.get(dataFileName(path)) as FileFilter)));
  });
  const missing = without.flat().length;
  let made = 0;
  for (const together of without) {
    // The index is a help: where it cannot be written (a read-only lake), the files are read.
    const filters = await indexDataFiles(session, store, together).catch(() => null);
    candidates.push(...together.filter((_, index) => !filters?.[index] || mayHoldAny(filters[index])));
    made += together.length;
    onProgress({ phase: 'index event ids', done: made, total: missing, unit: 'files' });
  }
  return { candidates, made };
}

/** First the places of the rows, from the narrow column alone; then the few rows whole. */
async function readRows(
  session: DuckSession,
  store: ObjectStore,
  files: readonly DataFile[],
  column: string,
  condition: string,
  most = MOST_EVENTS,
): Promise<FoundRows> {
  if (files.length === 0) return { rows: [], total: 0 };
  const places = await session.rows<{ readonly _path: string; readonly _row: bigint; readonly n: bigint }>(
    `SELECT _path, _row, count(*) OVER () AS n FROM (${await fileRowsSql(store, files, column)}) WHERE ${condition} LIMIT ${most}`,
  );
  const rows: BronzeRow[] = [];
  for (const path of new Set(places.map(({ _path }) => _path))) {
    const numbers = places.filter((place) => place._path === path).map(({ _row }) => _row);
    const file = files.filter((one) => one.path === path);
    const stored = await session.rows<StoredRow>(
      `SELECT ${COLUMNS}, _path, _row FROM (${await fileRowsSql(store, file, '*')}) WHERE _row IN (${numbers.join(', ')})`,
    );
    rows.push(...stored.map(bronzeRow));
  }
  const ordered = rows.toSorted((a, b) => Number(a.logTimeUs - b.logTimeUs) || a.partition - b.partition || a.offset - b.offset);
  return { rows: ordered, total: Number(places[0]?.n ?? 0n) };
}

const bronzeRow = (row: StoredRow): BronzeRow => ({
  topic: row.topic,
  partition: row.kafka_partition,
  offset: Number(row.kafka_offset),
  logTimeUs: row.log_time,
  ingestedAtUs: row.ingested_at,
  eventId: row.event_id,
  dataset: row.dataset,
  source: row.source,
  key: row.key && row.key.bytes,
  receivedAt: row.received_at && Buffer.from(row.received_at.bytes).toString('utf8'),
  replayOf: row.replay_of && Buffer.from(row.replay_of.bytes).toString('utf8'),
  isReceiptOfOriginal: row.is_receipt_of_original,
  payload: row.payload && row.payload.bytes,
  path: row._path,
  row: Number(row._row),
});

/**
 * `bronze.events` at one snapshot as the source of a replay: each topic-partition is read in offset order, a window of offsets at a
 * time, and the partitions are merged by log time. The snapshot is pinned, so compaction and landing beside it change nothing.
 */
import { KeystoneError } from '../errors.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { streamRows } from '../engine/duckdb/stream-rows.js';
import { quoteLiteral } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { scanSql } from '../table/scan-sql.js';
import { decodeBound } from '../table/single-value.js';
import { resolveSnapshot } from '../care/resolve-snapshot.js';
import type { DataFile, Table, TableField } from '../table/table-api.js';
import { mergeStreams } from './merge-streams.js';
import { recordedColumnsSql, recordedEvent } from './recorded-rows.js';
import type { ReplayEvent, ReplayEvents } from './replay-event.js';
import type { NextPositions, ReplaySource, SourcePlan } from './replay-source.js';
import type { TimeRange } from './time-range.js';
import { streamName } from './topic-source.js';

type BronzePlan = SourcePlan & { readonly kind: 'bronze' };

/** Payload, key and header bytes that a window should hold: its width follows what the one before it held. */
const WINDOW_BYTES = 2_000_000;
const FIRST_WIDTH = 1_000;
const WIDEST = 4_000_000;
/** A window is cut here, however many offsets are left of it. */
const MOST_ROWS = 20_000;
const KAFKA_OFFSET_ID = 3;

/** Offsets of one topic-partition that the snapshot holds within the selection. */
interface Span {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly toExclusive: number;
}

interface Reading {
  readonly session: DuckSession;
  readonly table: Table;
  readonly fields: readonly TableField[];
  readonly files: readonly DataFile[];
  /** Boolean SQL on bronze's columns. */
  readonly selection: string;
}

/**
 * `asOf`: a snapshot id or a time. `checkpoint`: topic → partition → first offset.
 * @throws KeystoneError KS_NOT_FOUND when there is no bronze or no such snapshot (any more).
 */
export async function openBronzeSource(
  lakehouse: Lakehouse,
  options: {
    readonly asOf: string | undefined;
    readonly range: TimeRange;
    readonly dataset: string | undefined;
    readonly checkpoint: { readonly topic: string; readonly next: ReadonlyMap<number, number> } | undefined;
    readonly saved: BronzePlan | undefined;
  },
): Promise<ReplaySource> {
  const table = await lakehouse.table('bronze.events');
  if (!table) {
    throw new KeystoneError('KS_NOT_FOUND', 'there is no table bronze.events', {
      hint: 'keystone consume run --until-caught-up',
    });
  }
  const state = await table.state();
  const snapshot = resolveSnapshot(state, options.saved?.snapshotId ?? options.asOf ?? 'current', 'bronze.events');
  const { fromUs, toUs } = options.range;
  const plan: BronzePlan = options.saved ?? {
    kind: 'bronze',
    snapshotId: String(snapshot.id),
    from: Object.fromEntries(
      [...(options.checkpoint?.next ?? [])].map(([partition, next]) => [
        streamName(options.checkpoint?.topic ?? '', partition),
        next,
      ]),
    ),
  };
  const { files } = await table.scan({
    snapshotId: snapshot.id,
    bounds: [
      {
        column: 'log_time',
        ...(fromUs === undefined ? {} : { min: BigInt(fromUs) }),
        ...(toUs === undefined ? {} : { max: BigInt(toUs - 1) }),
      },
      ...(options.dataset === undefined ? [] : [{ column: 'dataset', min: options.dataset, max: options.dataset }]),
    ],
  });
  const selection = [
    ...(fromUs === undefined ? [] : [`log_time >= make_timestamp(${fromUs})`]),
    ...(toUs === undefined ? [] : [`log_time < make_timestamp(${toUs})`]),
    ...(options.dataset === undefined ? [] : [`dataset = ${quoteLiteral(options.dataset)}`]),
  ];
  const session = await lakehouse.duck();
  try {
    const reading = { session, table, fields: state.fields, files, selection: selection.join(' AND ') || 'true' };
    const { spans, events } = await spansOf(reading, plan);
    return {
      name: 'bronze.events',
      plan,
      totalEvents: events,
      events: (next, signal) => mergeStreams(spans.map((span) => spanEvents(reading, span, next, signal))),
      warnings: () => [],
      failedLines: () => 0,
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

async function spansOf(
  reading: Reading,
  plan: BronzePlan,
): Promise<{ readonly spans: readonly Span[]; readonly events: number }> {
  const rows = await reading.session.rows<{ topic: string; p: number; first: bigint; last: bigint; n: bigint }>(
    `SELECT topic, kafka_partition AS p, min(kafka_offset) AS first, max(kafka_offset) AS last, count(*) AS n
     FROM (${await scanSql(reading.fields, reading.files, reading.table.store)}) WHERE ${reading.selection}
     GROUP BY topic, kafka_partition ORDER BY topic, kafka_partition`,
  );
  const spans = rows.map(({ topic, p, first, last }) => ({
    topic,
    partition: p,
    from: Math.max(Number(first), plan.from[streamName(topic, p)] ?? 0),
    toExclusive: Number(last) + 1,
  }));
  return { spans, events: rows.reduce((sum, { n }) => sum + Number(n), 0) };
}

/** Which of the files may hold offsets of a window; a file without bounds may hold any. */
function filesWithin(files: readonly DataFile[], from: number, toExclusive: number): readonly DataFile[] {
  return files.filter(({ metrics }) => {
    const lower = metrics.lowerBounds?.get(KAFKA_OFFSET_ID);
    const upper = metrics.upperBounds?.get(KAFKA_OFFSET_ID);
    if (!lower || !upper) return true;
    return Number(decodeBound('long', lower)) < toExclusive && Number(decodeBound('long', upper)) >= from;
  });
}

async function* spanEvents(reading: Reading, span: Span, next: NextPositions, signal: AbortSignal): ReplayEvents {
  const { session, table, fields, files, selection } = reading;
  const { topic, partition, toExclusive } = span;
  const stream = streamName(topic, partition);
  let from = Math.max(span.from, next.get(stream) ?? 0);
  let width = FIRST_WIDTH;
  while (from < toExclusive) {
    signal.throwIfAborted();
    const end = Math.min(toExclusive, from + width);
    const rows = await scanSql(fields, filesWithin(files, from, end), table.store);
    const events: ReplayEvent[] = [];
    let bytes = 0;
    const sql = `SELECT ${recordedColumnsSql} FROM (${rows})
      WHERE topic = ${quoteLiteral(topic)} AND kafka_partition = ${partition}
        AND kafka_offset >= ${from} AND kafka_offset < ${end} AND ${selection}
      ORDER BY kafka_offset LIMIT ${MOST_ROWS}`;
    // Read to the end before anything is yielded: the other partitions stream over the same session.
    for await (const chunk of streamRows(session, sql)) {
      for (const row of chunk) {
        const event = recordedEvent(row, ({ offset }) => ({ stream, position: offset }));
        bytes += (event.payload?.length ?? 0) + (event.key?.length ?? 0) + event.headers.length * 50;
        events.push(event);
      }
    }
    from = events.length === MOST_ROWS ? (events.at(-1)?.position ?? end) + 1 : end;
    width = Math.min(WIDEST, Math.max(1, Math.floor(width * Math.min(4, Math.max(0.1, WINDOW_BYTES / Math.max(1, bytes))))));
    if (events.length > 0) yield events;
  }
}

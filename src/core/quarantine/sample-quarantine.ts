/** `quarantine samples`: the rejected events grouped by what they look like, with a few of each. */
import type { JsonValue } from '../engine/sql-engine.js';
import { quoteLiteral } from '../engine/sql-text.js';
import type { Lakehouse } from '../lakehouse.js';
import { bytesText, type RejectedFilter, rejectedSql, rejectedWhere } from './rejected-filter.js';
import { payloadShape } from './payload-shape.js';

/** Characters by which shapes are told apart; longer ones differ in nothing that a person would read. */
const SHAPE_LENGTH = 4_000;
/** Characters of a payload that are shown. */
const PAYLOAD_LENGTH = 2_000;

export interface RejectedSample {
  /** `topic/partition/offset`, for `quarantine show`. */
  readonly origin: string;
  readonly eventId: string;
  readonly source: string;
  /** Of a CSV row that could not be read. */
  readonly csvLine: number | null;
  /** Its first 2,000 characters; bytes that are no UTF-8 as `\xHH`; null: a tombstone. */
  readonly payload: string | null;
  readonly payloadBytes: number;
}

export interface RejectedShape {
  readonly zone: string;
  readonly dataset: string;
  readonly reasons: readonly string[];
  /** Fields with their JSON types, by name: `{order_id: text, price: number}`; of bytes that are no JSON what the parser said, numbers as `#`. */
  readonly shape: string;
  readonly events: number;
  /** The producers' labels that sent most of them. */
  readonly sources: readonly string[];
  /** UTC, as the filter's `time` says. */
  readonly firstSeen: string;
  readonly lastSeen: string;
  /** Lines of the CSV rows among them, lowest and highest; null when there are none. */
  readonly csvLines: readonly [number, number] | null;
  /** Newest first. */
  readonly samples: readonly RejectedSample[];
}

export interface QuarantineSamples {
  /** Events that match. */
  readonly total: number;
  /** How many groups there are, not only those in `shapes`. */
  readonly groups: number;
  /** Most events first. */
  readonly shapes: readonly RejectedShape[];
}

export interface SampleOptions extends RejectedFilter {
  /** Most groups. */
  readonly limit: number;
  /** Events shown of each. */
  readonly each: number;
  readonly signal?: AbortSignal;
}

/** Throws KS_USAGE for an unreadable date. A lake that never rejected anything gives no shapes. */
export async function sampleQuarantine(lakehouse: Lakehouse, options: SampleOptions): Promise<QuarantineSamples> {
  const where = rejectedWhere(options, lakehouse.effects.clock.nowMs());
  const rejected = await rejectedSql(lakehouse, options.zone, ['payload']);
  if (rejected === null) return { total: 0, groups: 0, shapes: [] };
  const engine = await lakehouse.engine();
  const given = options.signal ? { signal: options.signal } : {};
  const time = options.time === 'logged' ? 'log_time' : 'processed_at';
  const each = Math.max(1, Math.trunc(options.each));
  // Fields in order of their names, so that the order in which a producer writes them makes no other shape.
  // Whole numbers and fractions are one kind: a price of 10 is no other shape than one of 10.5.
  const structure = String.raw`regexp_replace(CAST(TRY(json_structure(decode(payload))) AS VARCHAR), '([:\[])"(U?BIGINT|HUGEINT|DOUBLE)"', '\1"number"', 'g')`;
  const { rows } = await engine.query(
    `WITH structured AS (
       SELECT zone, dataset, list_sort(list_distinct(reasons)) AS reasons, detail, csv_line, source, ${time} AS seen,
         topic || '/' || kafka_partition || '/' || kafka_offset AS origin, ${structure} AS structure
       FROM (${rejected}) WHERE ${where}),
     shaped AS (
       SELECT * EXCLUDE (structure, detail), CASE WHEN zone = 'error' THEN regexp_replace(coalesce(detail, ''), '[0-9]+', '#', 'g')
         ELSE coalesce(CAST(TRY(to_json(list_sort(map_entries(from_json(structure, '"MAP(VARCHAR,JSON)"'))))) AS VARCHAR), CAST(structure AS VARCHAR), '')
         END[1:${SHAPE_LENGTH}] AS shape FROM structured)
     SELECT zone, dataset, reasons, shape, count(*) AS events, approx_top_k(source, 3) AS sources, min(seen) AS first_seen, max(seen) AS last_seen,
       min(csv_line) AS first_line, max(csv_line) AS last_line, arg_max(origin, seen, ${each}) AS origins,
       CAST(sum(count(*)) OVER () AS BIGINT) AS total, count(*) OVER () AS groups
     FROM shaped GROUP BY zone, dataset, reasons, shape ORDER BY events DESC, zone, dataset, reasons, shape LIMIT ${Math.max(1, Math.trunc(options.limit))}`,
    given,
  );
  const origins = rows.flatMap((row) => textsOf(row['origins']));
  const samples = new Map<string, RejectedSample>();
  if (origins.length > 0) {
    const found = await engine.query(
      `SELECT origin, event_id, source, csv_line, octet_length(payload) AS payload_bytes, substr(${bytesText('payload')}, 1, ${PAYLOAD_LENGTH}) AS payload
       FROM (SELECT *, topic || '/' || kafka_partition || '/' || kafka_offset AS origin FROM (${rejected}))
       WHERE origin IN (${origins.map(quoteLiteral).join(', ')})`,
      given,
    );
    for (const row of found.rows) samples.set(String(row['origin']), sampleOf(row));
  }
  return {
    total: Number(rows[0]?.['total'] ?? 0),
    groups: Number(rows[0]?.['groups'] ?? 0),
    shapes: rows.slice(0, options.limit).map((row) => ({
      zone: String(row['zone']),
      dataset: String(row['dataset']),
      reasons: textsOf(row['reasons']),
      shape: row['zone'] === 'error' ? String(row['shape']) : payloadShape(String(row['shape'])),
      events: Number(row['events']),
      sources: textsOf(row['sources']),
      firstSeen: String(row['first_seen']),
      lastSeen: String(row['last_seen']),
      csvLines: row['first_line'] == null ? null : [Number(row['first_line']), Number(row['last_line'])],
      samples: textsOf(row['origins']).flatMap((origin) => samples.get(origin) ?? []),
    })),
  };
}

const sampleOf = (row: Readonly<Record<string, JsonValue>>): RejectedSample => ({
  origin: String(row['origin']),
  eventId: String(row['event_id']),
  source: String(row['source'] ?? ''),
  csvLine: row['csv_line'] == null ? null : Number(row['csv_line']),
  payload: row['payload'] == null ? null : String(row['payload']),
  payloadBytes: Number(row['payload_bytes'] ?? 0),
});

const textsOf = (value: JsonValue | undefined): readonly string[] => (Array.isArray(value) ? value.map(String) : []);

/**
 * A range of bronze as the working table of one derivation step: every event's position, identity and text, and the class of those
 * that cannot be parsed at all.
 */
import { filesHolding } from '../bronze/files-holding.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import { HEADER_CSV_ERROR } from '../event/envelope.js';
import type { ObjectStore } from '../store/object-store.js';
import { scanSql } from '../table/scan-sql.js';
import type { Table } from '../table/table-api.js';
import { inRangeSql, type TopicRange } from './offset-ranges.js';
import { idHashSql } from './seen-index.js';
import { recheckJson } from './strict-json.js';

/** The working table: `_topic, _partition, _offset, _event_id, _log_time, dataset, id_hash, _text, _class, _detail, is_object`. */
export const RANGE_ROWS = 'range_rows';

/** SELECT of the whole bronze rows of the range. */
export async function bronzeRowsSql(bronze: Table, store: ObjectStore, range: TopicRange): Promise<string> {
  const state = await bronze.state();
  const rows = await scanSql(
    state.fields,
    await filesHolding(
      bronze,
      range.partitions.map((one) => ({ topic: range.topic, ...one })),
    ),
    store,
  );
  return `SELECT * FROM (${rows}) WHERE ${inRangeSql(range, { topic: 'topic', partition: 'kafka_partition', offset: 'kafka_offset' })}`;
}

/** Creates `RANGE_ROWS`; resolves to the number of events in it. */
export async function readRange(session: DuckSession, bronze: Table, store: ObjectStore, range: TopicRange): Promise<number> {
  const rows = await bronzeRowsSql(bronze, store, range);
  // decode() must stand alone under TRY: the optimizer pulls a shared decode out of a larger TRY, and one bad byte fails the query.
  await session.run(`CREATE OR REPLACE TEMP TABLE ${RANGE_ROWS} AS
    SELECT _topic, _partition, _offset, _event_id, _log_time, dataset, id_hash, _text,
      CASE WHEN _csv_error IS NOT NULL THEN 'invalid_csv'
           WHEN _length IS NULL THEN 'tombstone'
           WHEN _length = 0 THEN 'empty'
           WHEN _text IS NULL THEN 'invalid_utf8'
           WHEN NOT json_valid(_text) THEN 'invalid_json' END AS _class,
      _csv_error AS _detail,
      _csv_error IS NULL AND starts_with(ltrim(_text, chr(9) || chr(10) || chr(13) || ' '), '{') AS is_object
    FROM (
      SELECT topic AS _topic, kafka_partition AS _partition, kafka_offset AS _offset, event_id AS _event_id, log_time AS _log_time, dataset,
        ${idHashSql('dataset', 'event_id')} AS id_hash, octet_length(payload) AS _length, TRY(decode(payload)) AS _text,
        ${headerSql(HEADER_CSV_ERROR)} AS _csv_error
      FROM (${rows}))`);
  await recheckJson(session, RANGE_ROWS);
  const [counted] = await session.rows<{ n: bigint }>(`SELECT count(*) AS n FROM ${RANGE_ROWS}`);
  return Number(counted?.n ?? 0n);
}

/** The first value of a header as text, NULL when absent. */
export const headerSql = (name: string): string =>
  `decode(list_filter(headers, lambda header: header.key = ${quoteLiteral(name)})[1].value)`;

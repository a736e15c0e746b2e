/**
 * Events whose id was seen before: in an earlier range, or earlier in this one (by log time, partition, offset). The same bytes
 * again are a `duplicate`, also those of an event that was rejected as a conflict; other bytes under the same id are an `event_id_conflict`.
 */
import { filesHolding } from '../bronze/files-holding.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { ObjectStore } from '../store/object-store.js';
import { scanSql } from '../table/scan-sql.js';
import type { DataFile, Table } from '../table/table-api.js';
import { RANGE_ROWS } from './read-range.js';
import type { SeenIndex } from './seen-index.js';

/** `_topic, _partition, _offset, same (BOOLEAN), first_topic, first_partition, first_offset`: one row for each repeated event. */
export const REPEATED = 'range_repeated';

export async function findRepeatedEvents(
  session: DuckSession,
  seen: SeenIndex,
  bronze: Table,
  store: ObjectStore,
): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE range_first AS
    SELECT id_hash, min({log_time: _log_time, part: _partition, off: _offset, topic: _topic}) AS first
    FROM ${RANGE_ROWS} SEMI JOIN (SELECT id_hash FROM ${RANGE_ROWS} GROUP BY id_hash HAVING count(*) > 1) USING (id_hash) GROUP BY id_hash`);
  await session.run(`CREATE OR REPLACE TEMP TABLE range_candidates AS
    SELECT r._topic, r._partition, r._offset, r.id_hash, r._log_time,
      coalesce(s.topic, f.first.topic) AS first_topic, coalesce(s.part, f.first.part) AS first_partition, coalesce(s.off, f.first.off) AS first_offset
    FROM ${RANGE_ROWS} r LEFT JOIN ${seen.ids} s USING (id_hash) LEFT JOIN range_first f USING (id_hash)
    WHERE coalesce(s.off, f.first.off) IS NOT NULL
      AND NOT (r._topic = first_topic AND r._partition = first_partition AND r._offset = first_offset)`);
  const [counted] = await session.rows<{ n: bigint }>('SELECT count(*) AS n FROM range_candidates');
  if (!counted || counted.n === 0n) {
    await session.run(`CREATE OR REPLACE TEMP TABLE ${REPEATED} AS SELECT *, true AS same FROM range_candidates`);
    return;
  }
  await session.run(`CREATE OR REPLACE TEMP TABLE range_conflicts AS
    SELECT id_hash, topic, part, off FROM ${seen.conflicts} SEMI JOIN range_candidates USING (id_hash)`);
  // What the range itself holds is at hand; payloads that are no text, and events before the range, are read from bronze.
  await session.run(`CREATE OR REPLACE TEMP TABLE range_compared AS
    SELECT topic, part, off, r._offset IS NOT NULL AS in_range, r._text IS NOT NULL AS is_read, md5_number(r._text) AS digest
    FROM (SELECT _topic AS topic, _partition AS part, _offset AS off FROM range_candidates
      UNION SELECT first_topic, first_partition, first_offset FROM range_candidates
      UNION SELECT topic, part, off FROM range_conflicts)
    LEFT JOIN ${RANGE_ROWS} r ON r._topic = topic AND r._partition = part AND r._offset = off`);
  await session.run(
    'CREATE OR REPLACE TEMP TABLE range_digests AS SELECT topic, part, off, digest FROM range_compared WHERE is_read',
  );
  const fields = (await bronze.state()).fields;
  for (const files of await filesToRead(session, bronze)) {
    const rows = await scanSql(fields, files, store);
    await session.run(`INSERT INTO range_digests SELECT c.topic, part, off, md5_number(payload) FROM (${rows}) b
      JOIN range_compared c ON c.topic = b.topic AND part = kafka_partition AND off = kafka_offset AND NOT is_read`);
  }
  // A first event that bronze no longer holds cannot be compared; its repetition counts as the same.
  await session.run(`CREATE OR REPLACE TEMP TABLE ${REPEATED} AS
    WITH compared AS (
      SELECT c.*, a.digest, b.off IS NULL OR a.digest IS NOT DISTINCT FROM b.digest AS as_first
      FROM range_candidates c
      LEFT JOIN range_digests a ON a.topic = c._topic AND a.part = c._partition AND a.off = c._offset
      LEFT JOIN range_digests b ON b.topic = c.first_topic AND b.part = c.first_partition AND b.off = c.first_offset),
    rejected AS (
      SELECT DISTINCT id_hash, digest, true AS is_known FROM range_conflicts JOIN range_digests USING (topic, part, off))
    SELECT _topic, _partition, _offset, first_topic, first_partition, first_offset,
      as_first OR k.is_known IS NOT NULL
        OR row_number() OVER (PARTITION BY c.id_hash, c.digest, as_first ORDER BY _log_time, _partition, _offset) > 1 AS same
    FROM compared c LEFT JOIN rejected k ON k.id_hash = c.id_hash AND k.digest IS NOT DISTINCT FROM c.digest`);
}

/** Bronze files that hold what `range_compared` lacks, in groups that keep one read small. */
async function filesToRead(session: DuckSession, bronze: Table): Promise<readonly (readonly DataFile[])[]> {
  // The range and what lies before it apart: one span over both would take in every file between them.
  const spans = await session.rows<{ topic: string; part: number; low: bigint; high: bigint }>(
    'SELECT topic, part, min(off) AS low, max(off) AS high FROM range_compared WHERE NOT is_read GROUP BY topic, part, in_range',
  );
  const all = await filesHolding(
    bronze,
    spans.map(({ topic, part, low, high }) => ({ topic, partition: part, from: Number(low), toExclusive: Number(high) + 1 })),
  );
  const groups: DataFile[][] = [];
  for (let at = 0; at < all.length; at += 32) groups.push(all.slice(at, at + 32));
  return groups;
}

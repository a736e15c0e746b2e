/** Lets events of the embedded log expire, which by itself never happens: their chunks go, as segments of Kafka do. */
import path from 'node:path';
import { openSqliteFile } from '../../src/core/sqlite/sqlite-file.js';

/** Whole chunks below `before`: what was appended at once goes at once. At least one chunk must stay. */
export function expireEvents(dir: string, topic: string, partition: number, before: number): void {
  changeChunks(dir, 'DELETE FROM chunks WHERE partition = ?1 AND base_offset + record_count <= ?2', [partition, before, topic]);
}

/** As if `by` events had been before those of the partition, and had expired. */
export function moveEvents(dir: string, topic: string, partition: number, by: number): void {
  changeChunks(dir, 'UPDATE chunks SET base_offset = base_offset + ?2 WHERE partition = ?1', [partition, by, topic]);
}

function changeChunks(dir: string, sql: string, values: readonly [number, number, string]): void {
  const db = openSqliteFile(path.join(dir, '.keystone', 'log.db'), { busyTimeoutMs: 10_000 });
  try {
    db.prepare(`${sql} AND topic_id = (SELECT topic_id FROM topics WHERE name = ?3)`).run(...values);
  } finally {
    db.close();
  }
}

/** Lets events of the embedded log expire, which by itself never happens: their chunks go, as segments of Kafka do. */
import path from 'node:path';
import { openSqliteFile } from '../../src/core/sqlite/sqlite-file.js';

/** Whole chunks below `before`: what was appended at once goes at once. At least one chunk must stay. */
export function expireEvents(dir: string, topic: string, partition: number, before: number): void {
  const db = openSqliteFile(path.join(dir, '.keystone', 'log.db'), { busyTimeoutMs: 10_000 });
  try {
    db.prepare(
      `DELETE FROM chunks WHERE partition = ? AND base_offset + record_count <= ?
       AND topic_id = (SELECT topic_id FROM topics WHERE name = ?)`,
    ).run(partition, before, topic);
  } finally {
    db.close();
  }
}

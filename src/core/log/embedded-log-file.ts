/**
 * The embedded log's file: topics, chunks of records and group offsets in SQLite. Synchronous; runs inside the log's worker thread.
 *
 * Invariants: a chunk row is written once and never changed; chunks of a partition follow each other without a gap; the end offset
 * and the newest timestamp of a partition are those of its last chunk, so nothing can disagree with it; timestamps never fall
 * within a partition, so an offset is found by time with a binary search and no index.
 */
import { statSync } from 'node:fs';
import { KeystoneError } from '../errors.js';
import { openSqliteFile, type SqliteFile, type SqliteRow } from '../sqlite/sqlite-file.js';
import type { PartitionBounds } from './event-log.js';
import type { ChunkPlace } from './record-chunk.js';

/** Step n leads from schema version n to n + 1. Never change one that was released: add another. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS topics (
    topic_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS chunks (
    topic_id INTEGER NOT NULL, partition INTEGER NOT NULL, base_offset INTEGER NOT NULL,
    record_count INTEGER NOT NULL, timestamp_us INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (topic_id, partition, base_offset)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS group_offsets (
    consumer_group TEXT NOT NULL, topic_id INTEGER NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, topic_id, partition)
  ) STRICT, WITHOUT ROWID;`,
  // Null only for a topic that a process of the older version, still running, makes after this step.
  `ALTER TABLE topics ADD COLUMN identity TEXT;
  UPDATE topics SET identity = lower(hex(randomblob(16)));`,
];

/** Long enough for a peer's largest append on a slow disk; a peer that died holds no lock. */
const BUSY_TIMEOUT_MS = 30_000;
/** How long the committed offsets of a group wait for it. */
const HINT_TIMEOUT_MS = 250;
/** Chunks are tens of kilobytes: large pages write and read them in a third fewer system calls than SQLite's 4 KiB. */
const PAGE_BYTES = 16 * 1024;
/** Pages in the WAL after which a commit moves them to the file without waiting for readers. */
const CHECKPOINT_PAGES = 1_000;
/** A WAL that constant readers kept from starting over is emptied, waiting for them, when it has grown to this. */
const WAL_LIMIT_BYTES = 32 * 1024 * 1024;
/** Rows that a read looks at first; each further look takes four times as many. */
const PLAN_ROWS = { first: 8, most: 512 };

export interface TopicInfo {
  readonly topicId: number;
  readonly partitions: number;
  /** Random hex digits, made with the topic; null when it was made by an older version. */
  readonly identity: string | null;
}

/** Records of one partition, encoded by `encodeChunk`. */
export interface NewChunk {
  readonly topicId: number;
  readonly partition: number;
  readonly recordCount: number;
  readonly body: Uint8Array;
}

/** Chunks that follow each other, in one buffer that can be transferred between threads. */
export interface ChunkRun {
  readonly buffer: ArrayBuffer;
  readonly places: readonly ChunkPlace[];
}

export interface LogFile {
  topic(name: string): TopicInfo | null;
  ensureTopic(name: string, partitions: number): TopicInfo;
  /** One durable transaction; the first offset of each chunk, in their order. */
  append(nowUs: number, chunks: readonly NewChunk[]): readonly number[];
  /** Whole chunks from the one that holds `fromOffset`, until they hold `maxRecords` records or `maxBytes` bytes. */
  read(topicId: number, partition: number, fromOffset: number, maxRecords: number, maxBytes: number): ChunkRun;
  bounds(topicId: number, partitions: number): readonly PartitionBounds[];
  offsetAt(topicId: number, partition: number, timestampUs: number): number;
  commitOffsets(group: string, topicId: number, nextOffsets: readonly (readonly [partition: number, offset: number])[]): void;
  committedOffsets(group: string, topicId: number): readonly (readonly [partition: number, offset: number])[];
  close(): void;
}

const num = (row: SqliteRow, column: string): number => row[column] as number;

/** Opens or creates the file; throws libsql's SqliteError, or KS_LOG for a file of a newer Keystone. */
export function openLogFile(path: string): LogFile {
  const db = openSqliteFile(path, { busyTimeoutMs: BUSY_TIMEOUT_MS, pageBytes: PAGE_BYTES });
  try {
    return prepareLogFile(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function prepareLogFile(db: SqliteFile): LogFile {
  const { path } = db;
  db.pragma(`wal_autocheckpoint=${CHECKPOINT_PAGES}`);
  const found = Number(db.pragma('user_version'));
  if (found > MIGRATIONS.length) {
    throw new KeystoneError('KS_LOG', `The event log ${path} was written by a newer Keystone (schema ${found})`, {
      hint: 'Update Keystone.',
    });
  }
  for (let version = found; version < MIGRATIONS.length; version++) {
    db.immediate(() => {
      // Another process may have done the step since.
      if (Number(db.pragma('user_version')) !== version) return;
      db.exec(MIGRATIONS[version]!);
      db.pragma(`user_version=${version + 1}`);
    });
  }
  const findTopic = db.prepare('SELECT topic_id, partitions, identity FROM topics WHERE name = ?');
  const addTopic = db.prepare(
    'INSERT INTO topics (name, partitions, identity) VALUES (?, ?, lower(hex(randomblob(16)))) ON CONFLICT (name) DO NOTHING',
  );
  const addChunk = db.prepare(
    'INSERT INTO chunks (topic_id, partition, base_offset, record_count, timestamp_us, body) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const range = 'FROM chunks WHERE topic_id = ? AND partition = ? AND base_offset';
  const lastChunk = db.prepare(`SELECT base_offset, record_count, timestamp_us ${range} <= ? ORDER BY base_offset DESC LIMIT 1`);
  const firstChunk = db.prepare(`SELECT base_offset ${range} >= 0 ORDER BY base_offset LIMIT 1`);
  const plan = db.prepare(
    `SELECT base_offset, record_count, timestamp_us, length(body) AS bytes ${range} >= ? ORDER BY base_offset LIMIT ?`,
  );
  const bodies = db.prepare(`SELECT body ${range} BETWEEN ? AND ? ORDER BY base_offset LIMIT ?`);
  const setOffset = db.prepare(
    `INSERT INTO group_offsets (consumer_group, topic_id, partition, next_offset) VALUES (?, ?, ?, ?)
     ON CONFLICT (consumer_group, topic_id, partition) DO UPDATE SET next_offset = excluded.next_offset`,
  );
  const getOffsets = db.prepare(
    'SELECT partition, next_offset FROM group_offsets WHERE consumer_group = ? AND topic_id = ? ORDER BY partition',
  );

  const topic = (name: string): TopicInfo | null => {
    const row = findTopic.get(name);
    if (!row) return null;
    return { topicId: num(row, 'topic_id'), partitions: num(row, 'partitions'), identity: row['identity'] as string | null };
  };
  /** The chunk that holds `offset`, or the last one before it. */
  const chunkAt = (topicId: number, partition: number, offset: number) => {
    const row = lastChunk.get(topicId, partition, offset);
    if (!row) return null;
    const base = num(row, 'base_offset');
    return { base, end: base + num(row, 'record_count'), timestampUs: num(row, 'timestamp_us') };
  };
  const endOf = (topicId: number, partition: number) => chunkAt(topicId, partition, Number.MAX_SAFE_INTEGER);
  const startOf = (topicId: number, partition: number): number => {
    const row = firstChunk.get(topicId, partition);
    return row ? num(row, 'base_offset') : 0;
  };

  let nextWalCheckBytes = WAL_LIMIT_BYTES;
  const boundWal = (): void => {
    const walBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (walBytes < nextWalCheckBytes) return;
    db.pragma('busy_timeout=250');
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } catch {
      // Busy or out of space: the commit itself is done, and the next one tries again.
    }
    db.pragma(`busy_timeout=${BUSY_TIMEOUT_MS}`);
    const leftBytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    nextWalCheckBytes = Math.max(WAL_LIMIT_BYTES, leftBytes + WAL_LIMIT_BYTES / 4);
  };

  return {
    topic,
    ensureTopic: (name, partitions) => {
      const known = topic(name);
      if (known) return known;
      addTopic.run(name, partitions);
      return topic(name)!;
    },
    append: (nowUs, chunks) => {
      const bases = db.immediate(() => {
        const ends = new Map<string, { end: number; timestampUs: number }>();
        return chunks.map(({ topicId, partition, recordCount, body }) => {
          const id = `${topicId}/${partition}`;
          const last = ends.get(id) ?? endOf(topicId, partition) ?? { end: 0, timestampUs: 0 };
          const end = last.end + recordCount;
          if (!Number.isSafeInteger(end))
            throw new KeystoneError('KS_LOG', `Partition ${partition} is full: its next offset would be beyond 2^53`);
          const timestampUs = Math.max(nowUs, last.timestampUs);
          addChunk.run(topicId, partition, last.end, recordCount, timestampUs, body);
          ends.set(id, { end, timestampUs });
          return last.end;
        });
      });
      boundWal();
      return bases;
    },
    read: (topicId, partition, fromOffset, maxRecords, maxBytes) => {
      const places: ChunkPlace[] = [];
      let byteLength = 0;
      let records = 0;
      let at = chunkAt(topicId, partition, fromOffset)?.base ?? fromOffset;
      const full = (): boolean => records >= maxRecords || (records > 0 && byteLength >= maxBytes);
      let look: number = PLAN_ROWS.first;
      for (let more = true; more && !full(); look = Math.min(look * 4, PLAN_ROWS.most)) {
        const page = plan.all(topicId, partition, at, look);
        more = page.length === look;
        for (const row of page) {
          const baseOffset = num(row, 'base_offset');
          const recordCount = num(row, 'record_count');
          at = baseOffset + 1;
          const wanted = baseOffset + recordCount - Math.max(baseOffset, fromOffset);
          if (wanted <= 0) continue;
          places.push({
            byteOffset: byteLength,
            byteLength: num(row, 'bytes'),
            baseOffset,
            recordCount,
            timestampUs: num(row, 'timestamp_us'),
          });
          byteLength += num(row, 'bytes');
          records += wanted;
          if (full()) break;
        }
      }
      const buffer = new ArrayBuffer(byteLength);
      const target = new Uint8Array(buffer);
      // libsql fetches rows by the hundred: a few large bodies at a time keep its copies small.
      for (let n = 0; n < places.length;) {
        const first = n;
        for (let bytes = 0; n < places.length && (n === first || bytes + places[n]!.byteLength <= 4 * 1024 * 1024); n++)
          bytes += places[n]!.byteLength;
        const rows = bodies.all(topicId, partition, places[first]!.baseOffset, places[n - 1]!.baseOffset, n - first);
        rows.forEach((row, i) => target.set(new Uint8Array(row['body'] as ArrayBuffer), places[first + i]!.byteOffset));
      }
      return { buffer, places };
    },
    bounds: (topicId, partitions) =>
      Array.from({ length: partitions }, (_, partition) => ({
        partition,
        startOffset: startOf(topicId, partition),
        endOffset: endOf(topicId, partition)?.end ?? 0,
      })),
    offsetAt: (topicId, partition, timestampUs) => {
      let low = startOf(topicId, partition);
      let high = endOf(topicId, partition)?.end ?? 0;
      while (low < high) {
        const middle = low + Math.floor((high - low) / 2);
        const chunk = chunkAt(topicId, partition, middle)!;
        if (chunk.timestampUs >= timestampUs) high = Math.max(low, chunk.base);
        else low = Math.max(middle + 1, chunk.end);
      }
      return low;
    },
    commitOffsets: (group, topicId, nextOffsets) => {
      // Only hints: a writer that is suspended with the file's lock must not hold up readers, who wait behind this in the thread.
      db.pragma(`busy_timeout=${HINT_TIMEOUT_MS}`);
      try {
        db.immediate(() => {
          for (const [partition, offset] of nextOffsets) setOffset.run(group, topicId, partition, offset);
        });
      } finally {
        db.pragma(`busy_timeout=${BUSY_TIMEOUT_MS}`);
      }
    },
    committedOffsets: (group, topicId) =>
      getOffsets.all(group, topicId).map((row) => [num(row, 'partition'), num(row, 'next_offset')] as const),
    close: () => db.close(),
  };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openLogFile } from '../../../src/core/log/embedded-log-file.js';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import { openSqliteFile } from '../../../src/core/sqlite/sqlite-file.js';
import { tempDir } from '../../support/temp-dir.js';

async function logFile() {
  const file = path.join(await tempDir(), 'log.db');
  const log = openLogFile(file);
  onTestFinished(() => log.close());
  const { topicId } = log.ensureTopic('t', 2);
  return {
    file,
    log,
    chunk: (recordCount: number, bytes = 10) => ({ topicId, partition: 0, recordCount, body: new Uint8Array(bytes) }),
    topicId,
  };
}

describe('embedded log file', () => {
  it('never lets the time of a partition fall, also when the clock does', async () => {
    const { log, chunk, topicId } = await logFile();
    log.append(1000, [chunk(3)]);
    log.append(500, [chunk(2)]);
    log.append(1500, [chunk(1)]);
    expect(log.read(topicId, 0, 0, 100, 1e9).places.map((place) => [place.baseOffset, place.timestampUs])).toEqual([
      [0, 1000],
      [3, 1000],
      [5, 1500],
    ]);
    expect([0, 1000, 1001, 1500, 1501].map((time) => log.offsetAt(topicId, 0, time))).toEqual([0, 0, 5, 5, 6]);
  });

  it('refuses offsets beyond 2^53 and keeps nothing of that append', async () => {
    const { log, chunk, topicId } = await logFile();
    log.append(1, [chunk(Number.MAX_SAFE_INTEGER - 5)]);
    expect(() => log.append(1, [chunk(5), chunk(1)])).toThrow(/2\^53/);
    expect(log.bounds(topicId, 1)).toEqual([{ partition: 0, startOffset: 0, endOffset: Number.MAX_SAFE_INTEGER - 5 }]);
    log.append(1, [chunk(5)]);
    expect(log.bounds(topicId, 1)[0]!.endOffset).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('reads whole chunks from the one that holds the offset, and stops once they hold what was asked for', async () => {
    const { log, chunk, topicId } = await logFile();
    log.append(
      1,
      Array.from({ length: 1000 }, () => chunk(10, 100)),
    );
    const bases = (from: number, records: number, bytes: number) =>
      log.read(topicId, 0, from, records, bytes).places.map((place) => place.baseOffset);
    expect(bases(25, 10, 1e9)).toEqual([20, 30]);
    expect(bases(25, 1, 1)).toEqual([20]);
    expect(bases(0, 1e9, 250)).toEqual([0, 10, 20]);
    expect(bases(0, 1e9, 1e9)).toHaveLength(1000);
    expect(bases(10_000, 10, 1e9)).toEqual([]);
  });

  it('goes on at the first record it holds when the beginning is gone', async () => {
    const { file, log, chunk, topicId } = await logFile();
    log.append(1, [chunk(10), chunk(10)]);
    const sqlite = openSqliteFile(file, { busyTimeoutMs: 1000 });
    sqlite.exec('DELETE FROM chunks WHERE base_offset = 0');
    sqlite.close();
    expect(log.bounds(topicId, 1)).toEqual([{ partition: 0, startOffset: 10, endOffset: 20 }]);
    expect(log.read(topicId, 0, 3, 100, 1e9).places.map((place) => place.baseOffset)).toEqual([10]);
    expect(log.offsetAt(topicId, 0, 0)).toBe(10);
  });

  it('keeps the write-ahead file bounded while readers never pause', async () => {
    const { file, log, chunk } = await logFile();
    // Two connections that take turns: at no moment is there no reader, so SQLite by itself would never start the WAL over.
    const script = `
      import { openSqliteFile } from ${JSON.stringify(pathToFileURL(path.resolve('dist/core/sqlite/sqlite-file.js')).href)};
      const readers = [0, 1].map(() => openSqliteFile(${JSON.stringify(file)}, { busyTimeoutMs: 1000 }));
      const pause = new Int32Array(new SharedArrayBuffer(4));
      for (let n = 0; ; n++) {
        readers[n % 2].exec('BEGIN');
        readers[n % 2].prepare('SELECT max(base_offset) FROM chunks').get();
        if (n > 0) readers[(n + 1) % 2].exec('COMMIT');
        if (n === 1) console.log('reading');
        Atomics.wait(pause, 0, 0, 5);
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    let largest = 0;
    for (let n = 0; n < 100; n++) {
      log.append(n, [chunk(1, 1_000_000)]);
      largest = Math.max(largest, statSync(`${file}-wal`).size);
    }
    expect(child.exitCode).toBeNull();
    expect(largest).toBeLessThan(60_000_000);
  });

  it('gives the topics of a file of the first version an identity, once', async () => {
    const file = path.join(await tempDir(), 'log.db');
    const old = openSqliteFile(file, { busyTimeoutMs: 100 });
    old.exec(`CREATE TABLE topics (topic_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL) STRICT;
      CREATE TABLE chunks (
        topic_id INTEGER NOT NULL, partition INTEGER NOT NULL, base_offset INTEGER NOT NULL,
        record_count INTEGER NOT NULL, timestamp_us INTEGER NOT NULL, body BLOB NOT NULL,
        PRIMARY KEY (topic_id, partition, base_offset)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE group_offsets (
        consumer_group TEXT NOT NULL, topic_id INTEGER NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
        PRIMARY KEY (consumer_group, topic_id, partition)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO topics (name, partitions) VALUES ('a', 2), ('b', 1);
      INSERT INTO chunks VALUES (1, 1, 0, 7, 0, x'00');`);
    old.pragma('user_version=1');
    old.close();
    const identities = (): readonly (string | null | undefined)[] => {
      const log = openLogFile(file);
      const found = ['a', 'b'].map((name) => log.topic(name)?.identity);
      expect(log.bounds(1, 2)[1]).toEqual({ partition: 1, startOffset: 0, endOffset: 7 });
      log.close();
      return found;
    };
    const [a, b] = identities();
    expect(a).toMatch(/^[0-9a-f]{32}$/);
    expect(b).not.toBe(a);
    expect(identities()).toEqual([a, b]);
  });

  it('refuses a file that a newer version wrote', async () => {
    const file = path.join(await tempDir(), 'log.db');
    const sqlite = openSqliteFile(file, { busyTimeoutMs: 100 });
    sqlite.pragma('user_version=99');
    sqlite.close();
    const log = await openEmbeddedLog({ path: file, clock: { nowMs: () => 0, sleep: async () => undefined } });
    onTestFinished(() => log.close());
    await expect(log.bounds('t')).rejects.toMatchObject({ code: 'KS_LOG', hint: 'Update Keystone.' });
  });
});

import { expect, it } from 'vitest';
import { bronzeRecordOf } from '../../../src/core/bronze/bronze-record.js';
import { fetchBatch } from '../../../src/core/consume/fetch-batch.js';
import type { EventLog } from '../../../src/core/log/event-log.js';
import { memoryLog } from '../../support/memory-log.js';

const TOPIC = 't';
const record = { partition: 0, key: null, value: Buffer.from('{}'), headers: [] };
const limits = { maxBytes: 1e6, maxRows: 1000, waitMs: 1000 };
const toRow = bronzeRecordOf('orders');

/** A log of ten events whose start is raised at each wait: to `starts` in turn. */
async function expiringLog(starts: readonly number[]) {
  const log = memoryLog();
  await log.ensureTopic(TOPIC, 1);
  await log.append(
    TOPIC,
    Array.from({ length: 10 }, () => record),
  );
  let nowMs = 0;
  const expiring: EventLog = {
    ...log,
    bounds: async () => {
      const startOffset = starts[Math.min(starts.length - 1, nowMs / 100)]!;
      return [{ partition: 0, startOffset, endOffset: Math.max(10, startOffset) }];
    },
  };
  const clock = { nowMs: () => nowMs, sleep: async (ms: number) => void (nowMs += ms) };
  const fetch = (next: number) =>
    fetchBatch({ log: expiring, topic: TOPIC, next: new Map([[0, next]]), partitions: null }, limits, toRow, {
      clock,
      signal: new AbortController().signal,
    });
  return fetch;
}

it('keeps what it has read when that expires while the batch gathers', async () => {
  const fetch = await expiringLog([0, 4, 10]);
  const batch = await fetch(0);
  expect(batch?.records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(batch?.holes).toEqual([]);
});

it('lands what it has in hand when more behind it has expired, and names that with the next batch', async () => {
  const fetch = await expiringLog([0, 12]);
  const batch = await fetch(0);
  expect(batch?.range.partitions).toEqual([{ partition: 0, from: 0, toExclusive: 10 }]);
  expect(batch?.records.length).toBe(10);
  await expect(fetch(10)).rejects.toMatchObject({ code: 'KS_LOG_TRUNCATED' });
});

it('names what expired before it was read', async () => {
  const fetch = await expiringLog([4]);
  await expect(fetch(3)).rejects.toMatchObject({
    code: 'KS_LOG_TRUNCATED',
    message: expect.stringContaining('begins at 4, but the lake needs 3: 1 events expired unread'),
  });
});

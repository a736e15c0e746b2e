/** Replays and recordings called as the commands call them, and the log that they write to. */
import path from 'node:path';
import { openEmbeddedLog } from '../../../src/core/log/embedded-log.js';
import type { EventLog, LogRecord, NewRecord } from '../../../src/core/log/event-log.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { runRecord, type RunRecordOptions, type RunRecordResult } from '../../../src/core/replay/run-record.js';
import { runReplay, type RunReplayOptions, type RunReplayResult } from '../../../src/core/replay/run-replay.js';

export const TOPIC = 'olist-enterprise-events';

const none = undefined;
const silent = (): void => undefined;

/** What is not asked for. */
export const NOTHING_ASKED = {
  from: none,
  to: none,
  dataset: none,
  where: none,
  asOf: none,
  fromCheckpoint: none,
  limit: none,
  rate: none,
  speed: none,
  toTopic: none,
  server: none,
  asNew: false,
  dryRun: false,
  resume: false,
} as const;

export const replay = (lake: Lakehouse, options: Partial<RunReplayOptions>): Promise<RunReplayResult> =>
  runReplay(lake, {
    ...NOTHING_ASKED,
    sources: ['topic'],
    command: 'keystone ingest replay topic',
    progress: silent,
    signal: new AbortController().signal,
    ...options,
  });

export const record = (
  lake: Lakehouse,
  options: Partial<RunRecordOptions> & { readonly out: string },
): Promise<RunRecordResult> =>
  runRecord(lake, {
    ...NOTHING_ASKED,
    source: 'topic',
    force: false,
    progress: silent,
    signal: new AbortController().signal,
    ...options,
  });

/** Every record of a topic, by partition and offset. */
export async function recordsOf(log: EventLog, topic = TOPIC): Promise<readonly LogRecord[]> {
  const records: LogRecord[] = [];
  for (const { partition, startOffset, endOffset } of await log.bounds(topic)) {
    for (let offset = startOffset; offset < endOffset;) {
      const read = await log.read(topic, partition, offset, { maxRecords: 5_000, maxBytes: 10_000_000 });
      records.push(...read.records);
      offset = read.nextOffset;
    }
  }
  return records;
}

/** Appends to a project's log at log times that the test chooses: `batches` by milliseconds since the epoch, rising. */
export async function appendAt(
  dir: string,
  batches: readonly (readonly [atMs: number, records: readonly NewRecord[]])[],
): Promise<void> {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, sleep: async () => undefined };
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone', 'log.db'), clock });
  await log.ensureTopic(TOPIC, 3);
  for (const [atMs, records] of batches) {
    nowMs = atMs;
    await log.append(TOPIC, records);
  }
  await log.close();
}

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('base64'));

/** What must come back byte for byte, without the place and the time at which the log took it. */
export const contentOf = ({ key, value, headers }: Pick<LogRecord, 'key' | 'value' | 'headers'>): string =>
  JSON.stringify([text(key), text(value), headers.map((header) => [header.key, text(header.value)])]);

/** Appends events straight to the log: one append under way while the next batch is filled. */
import type { Clock } from '../clock.js';
import type { Contract } from '../contract/contract.js';
import type { KeyMode } from '../event/business-key.js';
import { recordSizeBytes, toLogRecord } from '../event/envelope-record.js';
import type { EventLog, NewRecord } from '../log/event-log.js';
import { keysOf } from './accept-event.js';
import type { EventSink, OnResults } from './event-sink.js';

export interface LogSinkOptions {
  readonly log: EventLog;
  readonly topic: string;
  readonly partitions: number;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly keyMode: KeyMode;
  readonly clock: Clock;
  readonly onResults: OnResults;
}

const BATCH_BYTES = 1_000_000;
const BATCH_RECORDS = 5_000;

/** An append that fails rejects the next `send` or `flush` with the log's own error; nothing after it is appended. */
export async function openLogSink(options: LogSinkOptions): Promise<EventSink> {
  const { log, topic } = options;
  await log.ensureTopic(topic, options.partitions);
  const keyFor = keysOf(options.contracts, options.keyMode);
  let records: NewRecord[] = [];
  let ids: string[] = [];
  let bytes = 0;
  let appending: Promise<void> = Promise.resolve();

  const append = async (batch: readonly NewRecord[], eventIds: readonly string[]): Promise<void> => {
    const positions = await log.append(topic, batch);
    options.onResults(
      positions.map(({ partition, offset }, index) => ({
        kind: 'receipt',
        receipt: { topic, partition, offset, eventId: eventIds[index] ?? '', durability: 'log' },
      })),
    );
  };
  const cut = async (): Promise<void> => {
    await appending;
    if (records.length === 0) return;
    appending = append(records, ids);
    // Awaited by the next cut; until then a rejection must not count as unhandled.
    appending.catch(() => undefined);
    records = [];
    ids = [];
    bytes = 0;
  };

  return {
    async send(events) {
      const receivedAtUs = options.clock.nowMs() * 1000;
      for (const { payload, dataset, eventId, source, headers, valueOf } of events) {
        const key = keyFor(dataset)(eventId, valueOf);
        const record = toLogRecord({ payload, dataset, eventId, source, key, headers, receivedAtUs });
        const size = recordSizeBytes(record);
        if (records.length >= BATCH_RECORDS || (records.length > 0 && bytes + size > BATCH_BYTES)) await cut();
        records.push(record);
        ids.push(eventId);
        bytes += size;
      }
    },
    async flush() {
      await cut();
      await appending;
    },
    close: () => undefined,
  };
}

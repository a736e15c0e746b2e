/**
 * Appends events straight to the log, a few appends under way while the next batch is filled: the log takes them in the order of
 * the calls, and can make one durable step of several.
 */
import type { Clock } from '../clock.js';
import type { Contract } from '../contract/contract.js';
import type { KeyMode } from '../event/business-key.js';
import { recordSizeBytes, toLogRecord } from '../event/envelope-record.js';
import type { EventLog, NewRecord } from '../log/event-log.js';
import { keysOf } from './accept-event.js';
import { createBatchWindow } from './batch-window.js';
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
const WINDOW = 4;

/** An append that fails rejects the next `send` or `flush` with the log's own error; nothing new is appended after it. */
export async function openLogSink(options: LogSinkOptions): Promise<EventSink> {
  const { log, topic } = options;
  await log.ensureTopic(topic, options.partitions);
  const keyFor = keysOf(options.contracts, options.keyMode);
  const batches = createBatchWindow<{ readonly record: NewRecord; readonly eventId: string }>({
    maxItems: BATCH_RECORDS,
    maxBytes: BATCH_BYTES,
    window: WINDOW,
    deliver: async (batch) => {
      const positions = await log.append(
        topic,
        batch.map(({ record }) => record),
      );
      options.onResults(
        positions.map(({ partition, offset }, index) => ({
          kind: 'receipt',
          receipt: { topic, partition, offset, eventId: batch[index]?.eventId ?? '', durability: 'log' },
        })),
      );
    },
  });

  return {
    async send(events) {
      const receivedAtUs = options.clock.nowMs() * 1000;
      for (const { payload, dataset, eventId, source, headers, valueOf } of events) {
        const key = keyFor(dataset)(eventId, valueOf);
        const record = toLogRecord({ payload, dataset, eventId, source, key, headers, receivedAtUs });
        await batches.add({ record, eventId }, recordSizeBytes(record));
      }
    },
    flush: () => batches.flush(),
    close: () => batches.close(),
  };
}

/**
 * Appends events straight to the log, a few appends under way while the next batch is filled: the log takes them in the order of
 * the calls, and can make one durable step of several.
 */
import type { Clock } from '../clock.js';
import type { Contract } from '../contract/contract.js';
import type { KeyMode } from '../event/business-key.js';
import { recordSizeBytes, toLogRecord } from '../event/envelope-record.js';
import type { EventLog } from '../log/event-log.js';
import { keysOf } from './accept-event.js';
import type { EventSink, OnResults } from './event-sink.js';
import { createLogBatches } from './log-batches.js';

export interface LogSinkOptions {
  readonly log: EventLog;
  readonly topic: string;
  readonly partitions: number;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly keyMode: KeyMode;
  readonly clock: Clock;
  readonly onResults: OnResults;
}

/** An append that fails rejects the next `send` or `flush` with the log's own error; nothing new is appended after it. */
export async function openLogSink(options: LogSinkOptions): Promise<EventSink> {
  const { log, topic } = options;
  await log.ensureTopic(topic, options.partitions);
  const keyFor = keysOf(options.contracts, options.keyMode);
  const batches = createLogBatches(log, topic, options.onResults);

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

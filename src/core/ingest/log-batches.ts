/** Records on their way into a topic: batches of bounded size, a few appends under way, one receipt for each record. */
import type { EventLog, NewRecord } from '../log/event-log.js';
import { createBatchWindow, type BatchWindow } from './batch-window.js';
import type { OnResults } from './event-sink.js';

const BATCH_BYTES = 1_000_000;
const BATCH_RECORDS = 5_000;
const WINDOW = 4;

/** A record and the id under which its receipt names it. */
export interface RecordToAppend {
  readonly record: NewRecord;
  readonly eventId: string;
}

/** An append that fails rejects the next `add` or `flush` with the log's own error; nothing new is appended after it. */
export const createLogBatches = (log: EventLog, topic: string, onResults: OnResults): BatchWindow<RecordToAppend> =>
  createBatchWindow<RecordToAppend>({
    maxItems: BATCH_RECORDS,
    maxBytes: BATCH_BYTES,
    window: WINDOW,
    deliver: async (batch) => {
      const positions = await log.append(
        topic,
        batch.map(({ record }) => record),
      );
      onResults(
        positions.map(({ partition, offset }, index) => ({
          kind: 'receipt',
          receipt: { topic, partition, offset, eventId: batch[index]?.eventId ?? '', durability: 'log' },
        })),
      );
    },
  });

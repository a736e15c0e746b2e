/** Events as the doors would leave them in the log, with keys, sources and times, so that a trace has something to say of each hop. */
import { keyOfDataset } from '../../../src/core/event/business-key.js';
import { toLogRecord } from '../../../src/core/event/envelope-record.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import type { RecordPosition } from '../../../src/core/log/event-log.js';
import { type Trace, runTrace, type TraceOptions } from '../../../src/core/trace/run-trace.js';
import type { TracedEvent } from '../../../src/core/trace/traced-event.js';

export interface SentEvent {
  readonly id: string;
  readonly dataset?: string;
  /** An object becomes JSON. */
  readonly payload: Readonly<Record<string, unknown>> | string | null;
  readonly partition?: number;
}

export const RECEIVED_US = 1_500_000_000_123_456;

/** Appends in one step; resolves to `topic/partition/offset` of each. */
export async function send(lake: Lakehouse, events: readonly SentEvent[]): Promise<readonly string[]> {
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  const contracts = await lake.contracts();
  const positions = await log.append(
    topic,
    events.map(({ id, dataset = 'orders', payload, partition = 0 }) => {
      const fields = typeof payload === 'object' && payload !== null ? payload : {};
      const key = keyOfDataset('business', contracts.get(dataset))(id, (column) => fields[column]);
      const bytes = payload === null ? null : Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
      const envelope = { payload: bytes, dataset, eventId: id, source: 'shop', key, headers: [], receivedAtUs: RECEIVED_US };
      return { partition, ...toLogRecord(envelope) };
    }),
  );
  return positions.map(({ partition, offset }: RecordPosition) => `${topic}/${partition}/${offset}`);
}

export const order = (id: string, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({
  order_id: id,
  customer_id: `c-${id}`,
  order_status: 'created',
  order_purchase_timestamp: '2017-10-02 10:56:33',
  ...more,
});

export const item = (
  orderId: string,
  number: number,
  more: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> => ({
  order_id: orderId,
  order_item_id: number,
  product_id: 'p',
  seller_id: 's',
  shipping_limit_date: '2017-10-09 00:00:00',
  price: '10.00',
  freight_value: '1.00',
  ...more,
});

export const trace = (lake: Lakehouse, asked: string | TraceOptions): Promise<Trace> =>
  runTrace(lake, typeof asked === 'string' ? { event: asked } : asked);

/** The only event of an answer. */
export async function traceOne(lake: Lakehouse, asked: string | TraceOptions): Promise<TracedEvent> {
  const { events } = await trace(lake, asked);
  if (events.length !== 1 || !events[0]) throw new Error(`${events.length} events for ${JSON.stringify(asked)}`);
  return events[0];
}

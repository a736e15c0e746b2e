/** Events straight into the log, and what the lake made of them. */
import { runConsumer, type ConsumeTotals } from '../../../src/core/consume/run-consumer.js';
import type { Lakehouse } from '../../../src/core/lakehouse.js';

export interface TestEvent {
  readonly id: string;
  readonly dataset?: string;
  readonly payload: unknown;
  readonly partition?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A payload that is an object becomes JSON; text and bytes go as they are; null is a tombstone. */
export async function put(lake: Lakehouse, events: readonly TestEvent[]): Promise<void> {
  const { topic, partitions } = lake.config.profile.log;
  const log = await lake.log();
  await log.ensureTopic(topic, partitions);
  await log.append(
    topic,
    events.map(({ id, dataset = 'orders', payload, partition = 0, headers = {} }) => ({
      partition,
      key: bytes(id),
      value:
        payload === null
          ? null
          : payload instanceof Uint8Array
            ? payload
            : bytes(typeof payload === 'string' ? payload : JSON.stringify(payload)),
      headers: Object.entries({ 'ks-event-id': id, 'ks-dataset': dataset, ...headers }).map(([key, value]) => ({
        key,
        value: bytes(value),
      })),
    })),
  );
}

export const consume = (lake: Lakehouse): Promise<ConsumeTotals> =>
  runConsumer(lake, { untilCaughtUp: true, signal: new AbortController().signal });

export async function rows(lake: Lakehouse, sql: string): Promise<readonly Record<string, unknown>[]> {
  return (await (await lake.engine()).query(sql)).rows as readonly Record<string, unknown>[];
}

export const order = (id: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  order_id: id,
  customer_id: `c-${id}`,
  order_status: 'delivered',
  order_purchase_timestamp: '2017-10-02 10:56:33',
  order_delivered_customer_date: '2017-10-10 21:25:13',
  ...more,
});

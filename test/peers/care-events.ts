/** Events of a known hour and source, for a lake whose care is looked at from outside. */
import path from 'node:path';
import { openEmbeddedLog } from '../../src/core/log/embedded-log.js';

const TOPIC = 'olist-enterprise-events';
export const PARTITIONS = 2;
export const SOURCES = ['loja-são-paulo', 'loja-語', 'app', 'web', 'press-7', 'marketplace'] as const;
/** Days on which customers bought, each in every hour's delivery. */
export const PURCHASE_DAYS = ['2018-08-01', '2018-08-02', '2018-08-03', '2018-08-04'] as const;
export const ORDERS_PER_HOUR = 24;

/** 2018-08-31, the hour of the day as `2018-08-31T08:00:00`. */
export const hourText = (hour: number): string => `2018-08-31T${String(hour).padStart(2, '0')}:00:00`;

const id = (n: number): string => n.toString(16).padStart(32, '0');

/** Orders, their items and customers, and one order that the contract rejects, logged in this hour; `more` columns come with the orders. */
export async function appendHour(dir: string, hour: number, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const ms = Date.parse(`${hourText(hour)}Z`) + 12 * 60_000;
  const clock = { nowMs: () => ms, sleep: () => Promise.resolve() };
  const log = await openEmbeddedLog({ path: path.join(dir, '.keystone', 'log.db'), clock });
  await log.ensureTopic(TOPIC, PARTITIONS);
  const events: { readonly dataset: string; readonly row: object }[] = [];
  for (let k = 0; k < ORDERS_PER_HOUR; k++) {
    const n = hour * 1000 + k;
    const day = PURCHASE_DAYS[k % PURCHASE_DAYS.length] ?? '';
    const order = { order_id: id(n), customer_id: id(5_000_000 + n), order_status: 'created', ...more };
    events.push(
      { dataset: 'orders', row: { ...order, order_purchase_timestamp: `${day} 10:00:00.${String(n).padStart(6, '0')}` } },
      {
        dataset: 'order_items',
        row: {
          order_id: id(n),
          order_item_id: '1',
          product_id: id(k % 3),
          seller_id: id(k % 2),
          shipping_limit_date: `${day} 23:59:59`,
          price: `${n}.9${k % 10}`,
          freight_value: '1.10',
        },
      },
      {
        dataset: 'customers',
        row: {
          customer_id: id(5_000_000 + n),
          customer_unique_id: id(6_000_000 + n),
          customer_zip_code_prefix: '01037',
          customer_city: 'são paulo',
          customer_state: k % 3 === 0 ? 'RJ' : 'SP',
        },
      },
    );
  }
  events.push({ dataset: 'orders', row: { order_id: id(hour * 1000 + 999), order_status: 'created' } });
  await log.append(
    TOPIC,
    events.map(({ dataset, row }, n) => ({
      // Each partition has events of every source.
      partition: Math.floor(n / SOURCES.length) % PARTITIONS,
      key: null,
      value: Buffer.from(JSON.stringify(row)),
      headers: Object.entries({
        'ks-event-id': `h${hour}-${n}`,
        'ks-dataset': dataset,
        'ks-source': SOURCES[n % SOURCES.length] ?? '',
        'ks-received-at': String(ms * 1000),
      }).map(([key, value]) => ({ key, value: Buffer.from(value) })),
    })),
  );
  await log.close();
}

/**
 * Log records for a lake to trace in: orders and their items over a year in rising order, half of the event ids random (UUIDv4), half
 * made by a server (UUIDv7), among them repeated events, new versions of orders, and events that break their contract.
 */
import type { NewRecord } from '../src/core/log/event-log.js';
import { seededRandom } from '../src/core/demo/seeded-random.js';

const FIRST_DAY_MS = Date.UTC(2017, 0, 1);
const DAYS = 365;
const DAY_MS = 86_400_000;
const STATES = ['created', 'approved', 'invoiced', 'shipped', 'delivered'] as const;
/** Orders that can still get a new version. */
const OPEN_ORDERS = 20_000;

interface OpenOrder {
  readonly orderId: string;
  readonly customerId: string;
  readonly bought: string;
  state: number;
}

const encoder = new TextEncoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);
const SOURCE = bytes('bench');
const DATASETS = { orders: bytes('orders'), order_items: bytes('order_items') } as const;

const uuidV4 = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
const uuidV7 = (ms: number, hex: string): string => {
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-a${hex.slice(3, 6)}-${hex.slice(6, 18)}`;
};
const moment = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);

/** `count` records, in append order; the same for the same count. */
export function* traceEvents(count: number): Generator<NewRecord> {
  const random = seededRandom(11);
  const open: OpenOrder[] = [];
  let last: NewRecord | null = null;
  const record = (dataset: keyof typeof DATASETS, key: string, payload: string, ms: number): NewRecord => {
    const id = random.chance(0.5) ? uuidV4(random.hex32()) : uuidV7(ms, random.hex32());
    return {
      key: bytes(key),
      value: bytes(payload),
      headers: [
        { key: 'ks-event-id', value: bytes(id) },
        { key: 'ks-dataset', value: DATASETS[dataset] },
        { key: 'ks-source', value: SOURCE },
        { key: 'ks-received-at', value: bytes(String(ms * 1000)) },
      ],
    };
  };
  const order = ({ orderId, customerId, bought, state }: OpenOrder, ms: number): NewRecord =>
    record(
      'orders',
      orderId,
      `{"order_id":"${orderId}","customer_id":"${customerId}","order_status":"${STATES[state]}","order_purchase_timestamp":"${bought}"}`,
      ms,
    );
  for (let number = 0; number < count; number++) {
    const ms = FIRST_DAY_MS + Math.floor((number / count) * DAYS * DAY_MS);
    const kind = random.next();
    const known = open[Math.floor(random.next() * open.length)];
    if (kind < 0.03 && last) {
      yield last; // the client did not see the answer
      continue;
    }
    if (kind < 0.13 && known) {
      known.state = Math.min(STATES.length - 1, known.state + 1);
      last = order(known, ms);
    } else if (kind < 0.15) {
      last = record('orders', random.hex32(), `{"order_id":"${random.hex32()}",`, ms);
    } else if (kind < 0.18) {
      const orderId = random.hex32();
      last = record('orders', orderId, `{"order_id":"${orderId}","order_status":"created"}`, ms);
    } else if (kind < 0.6 || !known) {
      const fresh = { orderId: random.hex32(), customerId: random.hex32(), bought: moment(ms), state: 0 };
      if (open.length < OPEN_ORDERS) open.push(fresh);
      else open[number % OPEN_ORDERS] = fresh;
      last = order(fresh, ms);
    } else {
      const item = 1 + Math.floor(random.next() * 9);
      const key = JSON.stringify([known.orderId, String(item)]);
      const price = (1 + Math.floor(random.next() * 30_000)) / 100;
      last = record(
        'order_items',
        key,
        `{"order_id":"${known.orderId}","order_item_id":${item},"product_id":"${random.hex32()}","seller_id":"s${number % 3000}","shipping_limit_date":"${moment(ms + 5 * DAY_MS)}","price":"${price.toFixed(2)}","freight_value":"9.90"}`,
        ms,
      );
    }
    yield last;
  }
}

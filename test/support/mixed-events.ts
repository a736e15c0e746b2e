/**
 * Events of every fate, seeded: good ones of several datasets, new versions of keys, keys that move between partitions of silver,
 * duplicates, other payloads under a known id, broken JSON and bytes, broken rules, datasets that no contract knows.
 */
import type { NewRecord } from '../../src/core/log/event-log.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** mulberry32: the same numbers for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Sent {
  readonly id: string;
  readonly dataset: string;
  readonly value: Uint8Array;
}

export interface MixedOptions {
  readonly seed: number;
  readonly partitions: number;
  /** Ids begin with it, so that several calls can share a log. */
  readonly prefix?: string;
}

/** `count` records, in append order. */
export function mixedEvents(count: number, { seed, partitions, prefix = '' }: MixedOptions): readonly NewRecord[] {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const sent: Sent[] = [];
  const timestamp = (): string =>
    `2017-10-0${1 + below(5)} ${String(below(24)).padStart(2, '0')}:${String(below(60)).padStart(2, '0')}:33`;
  const order = (status: string): Record<string, unknown> => ({
    order_id: `o${below(Math.max(5, count / 4))}`,
    customer_id: `c${below(100)}`,
    order_status: status,
    order_purchase_timestamp: timestamp(),
  });
  const fresh = (n: number): Sent => {
    const id = `${prefix}e${n}`;
    const json = (dataset: string, payload: unknown): Sent => ({ id, dataset, value: bytes(JSON.stringify(payload)) });
    const kind = random();
    if (kind < 0.4) return json('orders', order(['created', 'shipped', 'delivered'][below(3)] ?? 'created'));
    if (kind < 0.6) {
      return json('order_items', {
        order_id: `o${below(Math.max(5, count / 6))}`,
        order_item_id: 1 + below(2),
        product_id: 'p',
        seller_id: 's',
        shipping_limit_date: timestamp(),
        price: `${1 + below(500)}.90`,
        freight_value: '1.10',
      });
    }
    if (kind < 0.72) {
      return json('geolocation', {
        geolocation_zip_code_prefix: '01037',
        geolocation_lat: '-23.5',
        geolocation_lng: '-46.6',
        geolocation_city: 'sao paulo',
        geolocation_state: 'SP',
      });
    }
    if (kind < 0.78) return json('orders', { ...order('created'), customer_id: '' });
    if (kind < 0.82) return json('orders', { ...order('delivered'), order_delivered_customer_date: '2001-01-01 00:00:00' });
    if (kind < 0.86) return json('nobody_knows', { a: n });
    if (kind < 0.9) return { id, dataset: 'orders', value: bytes(`{"order_id": "o${n}",`) };
    if (kind < 0.93) return { id, dataset: 'order_items', value: Uint8Array.of(0x7b, 0xff, 0x7d) };
    if (kind < 0.95) return json('orders', [n]);
    return json('orders', { ...order('created'), unknown_field: n });
  };
  return Array.from({ length: count }, (_, n): NewRecord => {
    const earlier = sent[below(Math.max(1, sent.length))];
    const repeat = random();
    let event: Sent;
    if (earlier && repeat < 0.12) event = earlier;
    else if (earlier && repeat < 0.17) event = { ...earlier, value: bytes(JSON.stringify({ ...order('changed'), changed: n })) };
    else event = fresh(n);
    sent.push(event);
    return {
      partition: below(partitions),
      key: null,
      value: event.value,
      headers: [
        { key: 'ks-event-id', value: bytes(event.id) },
        { key: 'ks-dataset', value: bytes(event.dataset) },
      ],
    };
  });
}

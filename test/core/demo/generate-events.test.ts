import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { DemoEvent } from '../../../src/core/demo/demo-event.js';
import { generateEvents, MIN_DEMO_EVENTS, SEEDED_FAULTS } from '../../../src/core/demo/generate-events.js';

const rules = { pricePositive: 'price_rule', deliveryAfterPurchase: 'delivery_rule' };
const generate = (events: number, seed = 7): DemoEvent[] => [...generateEvents({ events, seed, rules })];
const fingerprint = (events: readonly DemoEvent[]): string => {
  const hash = createHash('sha256');
  for (const event of events)
    hash.update(JSON.stringify([event.dataset, event.eventId, event.wave, event.fate])).update(event.payload);
  return hash.digest('hex');
};
const rowOf = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
const decode = (event: DemoEvent) => rowOf.parse(JSON.parse(new TextDecoder().decode(event.payload)));

describe('generateEvents', () => {
  it('gives the same bytes for the same seed, and others for another', () => {
    expect(fingerprint(generate(2000))).toBe(fingerprint(generate(2000)));
    expect(fingerprint(generate(2000, 8))).not.toBe(fingerprint(generate(2000)));
  });

  it.each([MIN_DEMO_EVENTS, 2000, 20_011])('gives exactly %i events with every fault among them', (count) => {
    const events = generate(count);
    expect(events).toHaveLength(count);
    const kinds = new Map<string, number>();
    for (const event of events) if (event.fault) kinds.set(event.fault, (kinds.get(event.fault) ?? 0) + 1);
    expect([...kinds.keys()].toSorted()).toEqual(SEEDED_FAULTS.map((fault) => fault.kind).toSorted());
    expect(Math.min(...kinds.values())).toBeGreaterThanOrEqual(2);
    expect(new Set(events.map((event) => event.dataset))).toEqual(
      new Set([
        'orders',
        'order_items',
        'order_payments',
        'order_reviews',
        'customers',
        'products',
        'sellers',
        'category_translation',
        'geolocation',
        'coupons',
      ]),
    );
  });

  it('refuses a count that cannot hold every fault', () => {
    expect(() => generate(MIN_DEMO_EVENTS - 1)).toThrow(/at least 500/);
  });

  it('sends waves in order and repeats an id only after its first event', () => {
    const seen = new Set<string>();
    let wave = 1;
    for (const event of generate(5000)) {
      expect(event.wave).toBeGreaterThanOrEqual(wave);
      wave = event.wave;
      if (event.fate.kind === 'duplicate') expect(seen).toContain(event.eventId);
      if (event.eventId !== null) seen.add(event.eventId);
    }
    expect(wave).toBe(3);
  });

  it('leaves one silver row for each key of a dataset', () => {
    const keys: Readonly<Record<string, readonly string[]>> = {
      orders: ['order_id'],
      order_items: ['order_id', 'order_item_id'],
      order_payments: ['order_id', 'payment_sequential'],
      order_reviews: ['review_id', 'order_id'],
      customers: ['customer_id'],
      products: ['product_id'],
      sellers: ['seller_id'],
      category_translation: ['product_category_name'],
    };
    const seen = new Set<string>();
    for (const event of generate(5000)) {
      const key = keys[event.dataset];
      if (event.fate.kind !== 'silver' || !key) continue;
      const row = decode(event);
      const name = JSON.stringify([event.dataset, ...key.map((column) => row[column])]);
      expect(seen).not.toContain(name);
      seen.add(name);
    }
  });

  it('keeps ordinary orders plausible: delivered after they were bought, busiest on Black Friday', () => {
    const byDay = new Map<string, number>();
    for (const event of generate(20_000)) {
      if (event.dataset !== 'orders' || event.fault !== null) continue;
      const row = decode(event);
      const purchase = String(row['order_purchase_timestamp']);
      byDay.set(purchase.slice(0, 10), (byDay.get(purchase.slice(0, 10)) ?? 0) + 1);
      if (row['order_delivered_customer_date'] !== null)
        expect(String(row['order_delivered_customer_date']) > purchase).toBe(true);
    }
    const busiest = [...byDay].toSorted((a, b) => b[1] - a[1])[0];
    expect(busiest?.[0]).toBe('2017-11-24');
    expect(byDay.size).toBeGreaterThan(230);
  });
});

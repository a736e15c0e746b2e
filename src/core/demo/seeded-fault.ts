/**
 * The faults that spoil one event, each with the place where it must end. Faults that need a second event (sent twice, newer
 * versions, late) are in `story-events.ts`.
 */
import { encodeRow, type Fate, type SampleRow } from './demo-event.js';

/** Names of the contracts' checks that two faults break. */
export interface FaultRules {
  /** Of order_items: the price is above 0. */
  readonly pricePositive: string;
  /** Of orders: not delivered before it was purchased. */
  readonly deliveryAfterPurchase: string;
}

export interface SpoiltEvent {
  readonly payload: Uint8Array;
  /** Another dataset than the row's own. */
  readonly dataset?: string;
}

export interface SpoilingFault {
  readonly kind: string;
  /** What the report calls it. */
  readonly title: string;
  /** Dataset of the row that is spoilt. */
  readonly dataset: string;
  /** Sent through the founding service: payload only, the server names the event. */
  readonly founding?: boolean;
  readonly spoil: (row: SampleRow) => SpoiltEvent;
  readonly fate: (rules: FaultRules) => Fate;
}

const encoder = new TextEncoder();
const error = (errorClass: string) => (): Fate => ({ kind: 'error', class: errorClass });
const quarantined = (reason: string) => (): Fate => ({ kind: 'quarantined', reason });
/** Changes columns and leaves valid JSON behind. */
const change = (changes: (row: SampleRow) => SampleRow) => (row: SampleRow) => ({
  payload: encodeRow({ ...row, ...changes(row) }),
});
/** Edits the JSON text itself. */
const edit = (rewrite: (json: string) => string) => (row: SampleRow) => ({
  payload: encoder.encode(rewrite(JSON.stringify(row))),
});

/** Replaces the last character of the last text by a byte that no UTF-8 text holds. */
function breakUtf8(row: SampleRow): SpoiltEvent {
  const payload = encodeRow(row);
  const at = payload.lastIndexOf(0x22) - 1;
  payload[at] = 0xff;
  return { payload };
}

const cutShort = edit((json) => json.slice(0, Math.floor(json.length * 0.7)));

export const SPOILING_FAULTS: readonly SpoilingFault[] = [
  { kind: 'malformed_json', title: 'JSON cut short', dataset: 'orders', spoil: cutShort, fate: error('invalid_json') },
  {
    kind: 'malformed_json_founding',
    title: 'JSON cut short (founding service)',
    dataset: 'orders',
    founding: true,
    spoil: cutShort,
    fate: error('invalid_json'),
  },
  {
    kind: 'trailing_comma',
    title: 'Trailing comma',
    dataset: 'order_items',
    spoil: edit((json) => `${json.slice(0, -1)},}`),
    fate: error('invalid_json'),
  },
  {
    kind: 'not_a_number',
    title: 'NaN as a value',
    dataset: 'order_payments',
    spoil: edit((json) => json.replace(/"payment_value":[^,}]+/, '"payment_value":NaN')),
    fate: error('invalid_json'),
  },
  { kind: 'invalid_utf8', title: 'Broken UTF-8', dataset: 'customers', spoil: breakUtf8, fate: error('invalid_utf8') },
  {
    kind: 'invalid_utf8_founding',
    title: 'Broken UTF-8 (founding service)',
    dataset: 'orders',
    founding: true,
    spoil: breakUtf8,
    fate: error('invalid_utf8'),
  },
  {
    kind: 'empty_payload',
    title: 'Empty payload',
    dataset: 'order_reviews',
    spoil: () => ({ payload: new Uint8Array(0) }),
    fate: error('empty'),
  },
  {
    kind: 'not_an_object',
    title: 'Array instead of an object',
    dataset: 'order_reviews',
    spoil: (row) => ({ payload: encoder.encode(JSON.stringify(Object.values(row))) }),
    fate: quarantined('not_object'),
  },
  {
    kind: 'duplicate_json_key',
    title: 'Key twice in one object',
    dataset: 'order_payments',
    spoil: edit((json) => `${json.slice(0, -1)},"payment_value":1}`),
    fate: quarantined('duplicate_json_key'),
  },
  {
    kind: 'price_text',
    title: 'Price is a word',
    dataset: 'order_items',
    spoil: change(() => ({ price: 'grátis' })),
    fate: quarantined('bad_type:price'),
  },
  {
    kind: 'price_too_precise',
    title: 'Price with three decimals',
    dataset: 'order_items',
    spoil: change(() => ({ price: 58.905 })),
    fate: quarantined('bad_type:price'),
  },
  {
    kind: 'score_fraction',
    title: 'Review score 4.5',
    dataset: 'order_reviews',
    spoil: change(() => ({ review_score: 4.5 })),
    fate: quarantined('bad_type:review_score'),
  },
  {
    kind: 'impossible_date',
    title: 'Impossible date',
    dataset: 'orders',
    spoil: change(() => ({ order_purchase_timestamp: '2017-13-45 99:00:00' })),
    fate: quarantined('bad_type:order_purchase_timestamp'),
  },
  {
    kind: 'price_zero',
    title: 'Price 0',
    dataset: 'order_items',
    spoil: change(() => ({ price: 0 })),
    fate: (rules) => ({ kind: 'quarantined', reason: `rule:${rules.pricePositive}` }),
  },
  {
    kind: 'delivery_before_purchase',
    title: 'Delivered before purchase',
    dataset: 'orders',
    spoil: change((row) => ({ order_delivered_customer_date: `2016-01-01${String(row['order_purchase_timestamp']).slice(10)}` })),
    fate: (rules) => ({ kind: 'quarantined', reason: `rule:${rules.deliveryAfterPurchase}` }),
  },
  {
    kind: 'null_customer',
    title: 'Order without customer',
    dataset: 'orders',
    spoil: change(() => ({ customer_id: null })),
    fate: quarantined('missing:customer_id'),
  },
  {
    kind: 'missing_key',
    title: 'Part of the key missing',
    dataset: 'order_payments',
    spoil: ({ payment_sequential: _dropped, ...rest }) => ({ payload: encodeRow(rest) }),
    fate: quarantined('missing:payment_sequential'),
  },
  {
    kind: 'unknown_dataset',
    title: 'Unknown dataset',
    dataset: 'customers',
    spoil: (row) => ({
      payload: encodeRow({ coupon_code: 'NATAL10', customer_id: row['customer_id'] ?? null }),
      dataset: 'coupons',
    }),
    fate: quarantined('unknown_dataset'),
  },
  {
    kind: 'unknown_field',
    title: 'Field the contract does not know',
    dataset: 'customers',
    spoil: change(() => ({ loyalty_tier: 'gold' })),
    fate: () => ({ kind: 'silver' }),
  },
];

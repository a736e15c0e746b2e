/**
 * One order from purchase to review, as the rows of five datasets. Prices, delivery times, payments and scores hang together: far
 * states wait longer, late parcels get bad reviews, the payments add up to the items.
 */
import type { SampleRow } from './demo-event.js';
import { PLACES, type Place } from './sample-places.js';
import { roundMoney, zipPrefix, type Shop } from './sample-shop.js';
import type { Random } from './seeded-random.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface OrderStory {
  readonly customer: SampleRow;
  readonly order: SampleRow;
  /** At least one. */
  readonly items: readonly SampleRow[];
  /** At least one. */
  readonly payments: readonly SampleRow[];
  readonly review: SampleRow;
  /** False for the few customers who never answered. */
  readonly reviewed: boolean;
}

/** Somebody who has bought before and may come back: the person, not the one-order `customer_id`. */
export interface Buyer {
  readonly uniqueId: string;
  readonly place: Place;
  readonly zip: string;
}

/** `YYYY-MM-DD HH:MM:SS`, UTC. */
const timestampText = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').slice(0, 19);

const midnight = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS;

const PRAISE = [
  'Chegou antes do prazo, recomendo! 👏',
  'Produto ótimo, bem embalado.',
  'Tudo certo, voltarei a comprar.',
  'Amei ❤',
] as const;
const BLAME = [
  'Não recebi o produto até agora.\nAguardo uma solução.',
  'Veio "quebrado", quero trocar',
  'Demorou demais; a loja não responde',
] as const;
const MIXED = ['Bom, mas a caixa veio amassada', 'Ok pelo preço'] as const;

export const newBuyer = (random: Random): Buyer => {
  const place = random.pickWeighted(PLACES);
  return { uniqueId: random.hex32(), place, zip: zipPrefix(random, place) };
};

export function makeOrderStory(random: Random, shop: Shop, buyer: Buyer, purchaseMs: number): OrderStory {
  const orderId = random.hex32();
  const customerId = random.hex32();
  const { items, total } = makeItems(random, shop, buyer, orderId, purchaseMs);

  const status = random.chance(0.97)
    ? 'delivered'
    : random.pick(['shipped', 'canceled', 'unavailable', 'invoiced', 'processing']);
  const approvedMs = purchaseMs + Math.round(random.next() * random.next() * 36 * HOUR_MS) + 60_000;
  // One parcel in a hundred is scanned by the carrier before the payment's approval arrives.
  const carrierMs = random.chance(0.01) ? approvedMs - HOUR_MS : approvedMs + Math.round((0.4 + random.next() * 3) * DAY_MS);
  const deliveredMs =
    carrierMs + Math.round(Math.max(0.8, random.normal(buyer.place.transitDays, buyer.place.transitDays * 0.45)) * DAY_MS);
  const estimatedMs = midnight(purchaseMs + Math.round((buyer.place.transitDays * 1.25 + 5 + random.next() * 4) * DAY_MS));
  const shipped = status === 'delivered' || status === 'shipped';
  const delivered = status === 'delivered';
  const order: SampleRow = {
    order_id: orderId,
    customer_id: customerId,
    order_status: status,
    order_purchase_timestamp: timestampText(purchaseMs),
    order_approved_at: status === 'canceled' ? null : timestampText(approvedMs),
    order_delivered_carrier_date: shipped ? timestampText(carrierMs) : null,
    order_delivered_customer_date: delivered ? timestampText(deliveredMs) : null,
    order_estimated_delivery_date: timestampText(estimatedMs),
  };

  const late = !delivered || deliveredMs > estimatedMs;
  const score = late ? random.pick([1, 1, 1, 2, 3, 4]) : random.pick([5, 5, 5, 5, 5, 5, 4, 4, 3, 1]);
  const comment = random.chance(0.42) ? random.pick(score <= 2 ? BLAME : score === 3 ? MIXED : PRAISE) : null;
  const askedMs = midnight((delivered ? deliveredMs : estimatedMs) + DAY_MS);
  return {
    customer: {
      customer_id: customerId,
      customer_unique_id: buyer.uniqueId,
      customer_zip_code_prefix: buyer.zip,
      customer_city: buyer.place.city,
      customer_state: buyer.place.state,
    },
    order,
    items,
    payments: makePayments(random, orderId, total),
    review: {
      review_id: random.hex32(),
      order_id: orderId,
      review_score: score,
      review_comment_title: comment !== null && random.chance(0.3) ? (score >= 4 ? 'recomendo' : 'não recomendo') : null,
      review_comment_message: comment,
      review_creation_date: timestampText(askedMs),
      review_answer_timestamp: timestampText(askedMs + Math.round((0.2 + random.next() * 4) * DAY_MS)),
    },
    reviewed: random.chance(0.985),
  };
}

function makeItems(random: Random, shop: Shop, buyer: Buyer, orderId: string, purchaseMs: number) {
  const items: SampleRow[] = [];
  const count = random.chance(0.9) ? 1 : random.int(2, 4);
  const shippingLimit = timestampText(purchaseMs + random.int(4, 7) * DAY_MS + random.int(0, HOUR_MS / 1000) * 1000);
  let total = 0;
  for (let number = 1; number <= count; number++) {
    const product = random.pick(shop.products);
    const freight = roundMoney(7 + product.weightG / 900 + buyer.place.transitDays * (0.5 + random.next()));
    total += product.price + freight;
    items.push({
      order_id: orderId,
      order_item_id: number,
      product_id: product.id,
      seller_id: random.pick(shop.sellers).id,
      shipping_limit_date: shippingLimit,
      price: product.price,
      freight_value: freight,
    });
  }
  return { items, total: roundMoney(total) };
}

function makePayments(random: Random, orderId: string, total: number): SampleRow[] {
  const voucher = random.chance(0.04) ? roundMoney(total * (0.1 + random.next() * 0.5)) : 0;
  const type = random.pick(['credit_card', 'credit_card', 'credit_card', 'credit_card', 'boleto', 'debit_card'] as const);
  const main: SampleRow = {
    order_id: orderId,
    payment_sequential: 1,
    payment_type: type,
    payment_installments: type === 'credit_card' ? 1 + Math.floor(random.next() * random.next() * 10) : 1,
    payment_value: roundMoney(total - voucher),
  };
  if (voucher === 0) return [main];
  return [
    main,
    { order_id: orderId, payment_sequential: 2, payment_type: 'voucher', payment_installments: 1, payment_value: voucher },
  ];
}

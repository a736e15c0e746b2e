/** Rows at the edges of what the formats hold: days before 1970, texts that bounds cut, the largest and the least money. */

const id = (n: number): string => n.toString(16).padStart(32, '0');

/** Sorts after every other character, so a bound that is cut behind it cannot be raised. */
const LAST = String.fromCodePoint(0x10ffff);
/** Raised by one it would be a surrogate, which is no character. */
const BEFORE_SURROGATES = '\ud7ff';

const TEXTS = [
  'é'.repeat(40),
  LAST.repeat(20),
  BEFORE_SURROGATES.repeat(20),
  `${'a'.repeat(15)}${LAST}${LAST}`,
  '👏'.repeat(17),
  '"\\\n\t',
];

/** Dataset → rows as clients send them. */
export const EDGE_EVENTS: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> = {
  orders: ['1969-12-31 23:59:59.999999', '1969-12-31 00:00:00', '1970-01-01 00:00:00', '1969-01-31 12:30:00.000001'].map(
    (time, n) => ({ order_id: id(n), customer_id: TEXTS[n] ?? '', order_status: 'created', order_purchase_timestamp: time }),
  ),
  order_items: ['0.01', '1.27', '1.28', '327.68', '9999999999.99'].map((price, n) => ({
    order_id: id(n),
    order_item_id: '1',
    product_id: id(100 + n),
    seller_id: id(200),
    shipping_limit_date: n % 2 === 0 ? '1969-12-31 23:59:59.999999' : '1970-01-01 00:00:00',
    price,
    freight_value: '0.00',
  })),
  order_reviews: TEXTS.map((text, n) => ({
    review_id: id(n),
    order_id: id(n),
    review_score: '5',
    review_comment_message: text,
    review_creation_date: `${1968 + n}-12-31 23:59:59.999999`,
    review_answer_timestamp: '2018-01-01 00:00:00',
  })),
  geolocation: ['-0.0', '-33.6898', '45.06593318269697', '5e-324'].map((lat) => ({
    geolocation_zip_code_prefix: '01037',
    geolocation_lat: lat,
    geolocation_lng: '-121.10539',
    geolocation_city: 'são paulo',
    geolocation_state: 'SP',
  })),
};

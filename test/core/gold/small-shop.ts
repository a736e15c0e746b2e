/** A shop small enough to check by eye; its state is plain arrays that a test changes and puts into silver again. */
import type { Lakehouse } from '../../../src/core/lakehouse.js';
import { putSilver } from '../../support/silver-lake.js';

type Cell = string | number | null;
type ShopRow = Readonly<Record<string, Cell>>;
export type Shop = Record<string, ShopRow[]>;

const order = (id: string, customer: string, status: string, purchased: string, delivered: string | null = null): ShopRow => ({
  order_id: id,
  customer_id: customer,
  order_status: status,
  order_purchase_timestamp: `${purchased} 10:00:00`,
  order_delivered_customer_date: delivered,
  order_estimated_delivery_date: '2017-12-01 00:00:00',
});
const item = (orderId: string, n: number, price: string, shipBy: string): ShopRow => ({
  order_id: orderId,
  order_item_id: n,
  product_id: `p${n}`,
  seller_id: 's1',
  shipping_limit_date: `${shipBy} 00:00:00`,
  price,
  freight_value: '1.50',
});
const customer = (id: string, person: string, state: string): ShopRow => ({
  customer_id: id,
  customer_unique_id: person,
  customer_zip_code_prefix: '01000',
  customer_city: `city of ${state}`,
  customer_state: state,
});
const review = (id: string, orderId: string, created: string): ShopRow => ({
  review_id: id,
  order_id: orderId,
  review_score: 5,
  review_creation_date: `${created} 00:00:00`,
  review_answer_timestamp: `${created} 12:00:00`,
});
export const make = { order, item, customer, review };

/** Two months, four orders (o4 has no items), three people of whom one bought twice under two customer ids. */
export const smallShop = (): Shop => ({
  orders: [
    order('o1', 'c1', 'delivered', '2017-10-02', '2017-10-12 10:00:00'),
    order('o2', 'c2', 'delivered', '2017-10-02', '2017-12-01 01:00:00'),
    order('o3', 'c3', 'shipped', '2017-11-05'),
    order('o4', 'c4', 'canceled', '2017-11-06'),
  ],
  order_items: [
    item('o1', 1, '10.00', '2017-10-05'),
    item('o1', 2, '5.25', '2017-10-05'),
    item('o2', 1, '100.00', '2017-11-06'),
    item('o3', 1, '7.00', '2017-11-09'),
  ],
  customers: [customer('c1', 'ann', 'SP'), customer('c2', 'bob', 'RJ'), customer('c3', 'ann', 'MG'), customer('c4', 'eve', 'SP')],
  products: [
    { product_id: 'p1', product_category_name: 'beleza', product_weight_g: 100 },
    { product_id: 'p2', product_category_name: 'sem_traducao', product_weight_g: 50 },
  ],
  category_translation: [{ product_category_name: 'beleza', product_category_name_english: 'beauty' }],
  sellers: [{ seller_id: 's1', seller_zip_code_prefix: '02000', seller_city: 'campinas', seller_state: 'SP' }],
  order_reviews: [review('r1', 'o1', '2017-10-13'), review('r1', 'o2', '2017-12-02')],
});

/** Puts the datasets named (default: all) into silver, instead of what was there. */
export async function putShop(lakehouse: Lakehouse, shop: Shop, datasets: readonly string[] = Object.keys(shop)): Promise<void> {
  const contracts = await lakehouse.contracts();
  for (const dataset of datasets) {
    const rows = shop[dataset] ?? [];
    const columns = (contracts.get(dataset)?.columns ?? []).filter(({ name }) => rows.some((row) => name in row));
    const type = (name: string): string => {
      const kind = columns.find((column) => column.name === name)?.type;
      if (kind?.kind === 'decimal') return `DECIMAL(${kind.precision},${kind.scale})`;
      return kind?.kind === 'timestamp' ? 'TIMESTAMP' : kind?.kind === 'string' ? 'VARCHAR' : 'BIGINT';
    };
    const literal = (value: Cell | undefined): string => (value == null ? 'NULL' : `'${value}'`);
    const selects = rows.map(
      (row) => `SELECT ${columns.map(({ name }) => `CAST(${literal(row[name])} AS ${type(name)}) AS "${name}"`).join(', ')}`,
    );
    if (selects.length > 0) await putSilver(lakehouse, dataset, selects.join(' UNION ALL '), true);
  }
}

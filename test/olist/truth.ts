/** The facts that were computed over the files themselves, and the SQL that asks the lake for each. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Where the Olist files and their truth lie. */
export const OLIST_DIR = path.resolve(process.env['KEYSTONE_OLIST_DIR'] ?? '../shared/data/olist');
const TRUTH_FILE = path.join(OLIST_DIR, 'truth.dev.json');

export type Cell = string | number | boolean | null;

export interface Fact {
  readonly id: string;
  /** What is counted, in words. */
  readonly words: string;
  /** DuckDB's SQL over `orders`, `items`, `payments`, `reviews`, `customers`, `products`, `sellers`, `geo`, `trans`, `raw_geo`. */
  readonly sql: string;
  /** One value, or the rows. */
  readonly value: Cell | readonly (readonly Cell[])[];
}

export const isOlistPresent = (): boolean => existsSync(TRUTH_FILE);

export const readFacts = (): readonly Fact[] => (JSON.parse(readFileSync(TRUTH_FILE, 'utf8')) as { facts: Fact[] }).facts;

const SILVER: Readonly<Record<string, string>> = {
  orders: 'orders',
  items: 'order_items',
  payments: 'order_payments',
  reviews: 'order_reviews',
  customers: 'customers',
  products: 'products',
  sellers: 'sellers',
  geo: 'geolocation',
  trans: 'category_translation',
};

const GEO_TEXTS = ['zip_code_prefix', 'lat', 'lng', 'city', 'state'].map((name) => `geolocation_${name}`);

/** `raw_geo` are the five texts as they came, from the payloads of bronze. */
export function factSql({ sql }: Pick<Fact, 'sql'>): string {
  const relations = Object.entries(SILVER).map(([name, dataset]) => `${name} AS (SELECT * FROM silver.${dataset})`);
  const texts = GEO_TEXTS.map((name) => `json_extract_string(decode(payload), '$.${name}') AS ${name}`);
  relations.push(`raw_geo AS (SELECT ${texts.join(', ')} FROM bronze.events WHERE dataset = 'geolocation')`);
  return `WITH ${relations.join(', ')} SELECT * FROM (${sql})`;
}

export interface Answer {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly { readonly [column: string]: unknown }[];
}

/** An answer in the shape of a fact's value: the one cell when the fact is one, else the rows. */
export function answerValue({ columns, rows }: Answer, like: Fact['value']): unknown {
  const cells = rows.map((row) => columns.map(({ name }) => row[name]));
  return Array.isArray(like) ? cells : cells.length === 1 && cells[0]?.length === 1 ? cells[0][0] : cells;
}

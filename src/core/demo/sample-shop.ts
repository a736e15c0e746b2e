/**
 * The shop behind the demo: its products, sellers and postal codes. Rows have the columns of the Olist CSV files; every value is
 * made up here.
 */
import type { SampleRow } from './demo-event.js';
import { CATEGORIES, type Category } from './sample-categories.js';
import { PLACES, type Place } from './sample-places.js';
import type { Random } from './seeded-random.js';

export interface Product {
  readonly row: SampleRow;
  readonly id: string;
  readonly price: number;
  readonly weightG: number;
}

export interface Seller {
  readonly row: SampleRow;
  readonly id: string;
}

export interface Shop {
  readonly products: readonly [Product, ...Product[]];
  readonly sellers: readonly [Seller, ...Seller[]];
}

export const roundMoney = (amount: number): number => Math.round(amount * 100) / 100;

export const zipPrefix = (random: Random, place: Place): string => place.zipStart + String(random.int(0, 999)).padStart(3, '0');

function makeProduct(random: Random): Product {
  const category: Category = random.pickWeighted(CATEGORIES);
  const id = random.hex32();
  const weightG = Math.max(50, Math.round((category.weightG * Math.exp(random.normal(0, 0.5))) / 50) * 50);
  // Shops price at ,90 and ,99.
  const price =
    Math.max(3, Math.floor(category.medianPrice * Math.exp(random.normal(0, 0.6)))) + random.pick([0.9, 0.99, 0.9, 0.5, 0]);
  return {
    id,
    price: roundMoney(price),
    weightG,
    row: {
      product_id: id,
      // A few products were never put into a category.
      product_category_name: random.chance(0.015) ? null : category.name,
      product_name_lenght: random.int(20, 63),
      product_description_lenght: Math.round(Math.exp(random.normal(6.4, 0.7))),
      product_photos_qty: 1 + Math.floor(random.next() * random.next() * 6),
      product_weight_g: weightG,
      product_length_cm: random.int(16, 60),
      product_height_cm: random.int(2, 40),
      product_width_cm: random.int(11, 45),
    },
  };
}

function makeSeller(random: Random): Seller {
  const place = random.pickWeighted(PLACES);
  const id = random.hex32();
  return {
    id,
    row: { seller_id: id, seller_zip_code_prefix: zipPrefix(random, place), seller_city: place.city, seller_state: place.state },
  };
}

export function makeShop(random: Random, size: { readonly products: number; readonly sellers: number }): Shop {
  const fill = <T>(make: (random: Random) => T, count: number): [T, ...T[]] => {
    const made: [T, ...T[]] = [make(random)];
    while (made.length < count) made.push(make(random));
    return made;
  };
  return { products: fill(makeProduct, size.products), sellers: fill(makeSeller, size.sellers) };
}

export const categoryRow = (category: Category): SampleRow => ({
  product_category_name: category.name,
  product_category_name_english: category.english,
});

/** A point near a place. */
export function geolocationRow(random: Random): SampleRow {
  const place = random.pickWeighted(PLACES);
  return {
    geolocation_zip_code_prefix: zipPrefix(random, place),
    geolocation_lat: Number((place.lat + random.normal(0, 0.04)).toFixed(8)),
    geolocation_lng: Number((place.lng + random.normal(0, 0.04)).toFixed(8)),
    geolocation_city: place.city,
    geolocation_state: place.state,
  };
}

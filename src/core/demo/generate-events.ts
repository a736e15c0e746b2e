/**
 * The demo's events: a made-up shop over eight months with a Black Friday, all nine datasets, and seeded faults whose fates are
 * known. The same options give the same bytes. Streaming: memory holds the shop, a pool of buyers, and the events of later waves.
 */
import { KeystoneError } from '../errors.js';
import { encodeRow, type DemoEvent, type SampleRow } from './demo-event.js';
import { makeOrderStory, newBuyer, type Buyer } from './order-story.js';
import { CATEGORIES } from './sample-categories.js';
import { categoryRow, geolocationRow, makeShop } from './sample-shop.js';
import { SPOILING_FAULTS, type FaultRules } from './seeded-fault.js';
import { seededRandom, type Random } from './seeded-random.js';
import { PAIR_FAULTS, storyEvents, type SeededFault } from './story-events.js';

export interface GenerateOptions {
  /** How many events in all, faults included. */
  readonly events: number;
  readonly seed: number;
  readonly rules: FaultRules;
}

/** Fewer events leave no room for two of every fault. */
export const MIN_DEMO_EVENTS = 500;

/** Every seeded fault, in the order of the report. */
export const SEEDED_FAULTS: readonly SeededFault[] = [...SPOILING_FAULTS, ...PAIR_FAULTS];

const DAY_MS = 86_400_000;
const FIRST_DAY_MS = Date.UTC(2017, 6, 1);
const DAYS = 243;
const BLACK_FRIDAY = (Date.UTC(2017, 10, 24) - FIRST_DAY_MS) / DAY_MS;
const EVENTS_PER_STORY = 5.24;
const BUYER_POOL = 4000;

/** How busy a day is: growth, quiet weekends, Black Friday and the days after it, a slow Christmas week. */
function dayWeight(day: number): number {
  const weekday = new Date(FIRST_DAY_MS + day * DAY_MS).getUTCDay();
  const growth = 1 + day / 200;
  const week = weekday === 0 || weekday === 6 ? 0.75 : 1.05;
  const sinceBlackFriday = day - BLACK_FRIDAY;
  const peak = sinceBlackFriday === 0 ? 9 : sinceBlackFriday > 0 && sinceBlackFriday < 5 ? 3.2 - sinceBlackFriday * 0.4 : 1;
  const christmas = sinceBlackFriday >= 29 && sinceBlackFriday <= 38 ? 0.6 : 1;
  return growth * week * peak * christmas;
}

/** Purchase times of `count` orders, rising; more than `count` stay on the last day. */
function* purchaseTimes(random: Random, count: number): Generator<number, never> {
  const weights = Array.from({ length: DAYS }, (_, day) => dayWeight(day));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let share = 0;
  let made = 0;
  for (let day = 0; day < DAYS; day++) {
    share += (weights[day] ?? 0) / total;
    // Shops sell little at night: two draws' mean leans to the afternoon.
    for (; made < Math.round(share * count); made++) yield FIRST_DAY_MS + day * DAY_MS + secondOfDay(random) * 1000;
  }
  for (;;) yield FIRST_DAY_MS + (DAYS - 1) * DAY_MS + secondOfDay(random) * 1000;
}

const secondOfDay = (random: Random): number => Math.floor(((random.next() + random.next()) / 2) * 72_000 + 14_399);

/** Each fault equally often; late orders first, so that their days are long past when they come. */
function planFaults(random: Random, events: number): readonly SeededFault[] {
  const each = Math.min(200, Math.max(2, Math.round(events / 1000)));
  const late = SEEDED_FAULTS.filter((fault) => fault.kind === 'late');
  const others = SEEDED_FAULTS.filter((fault) => fault.kind !== 'late').flatMap((fault) =>
    Array.from({ length: each }, () => fault),
  );
  for (let index = others.length - 1; index > 0; index--) {
    const other = random.int(0, index);
    const [here, there] = [others[index], others[other]];
    if (here && there) [others[index], others[other]] = [there, here];
  }
  return [...late.flatMap((fault) => Array.from({ length: each }, () => fault)), ...others];
}

/** Throws KS_USAGE below {@link MIN_DEMO_EVENTS}. Events come in sending order, wave by wave. */
export function* generateEvents({ events, seed, rules }: GenerateOptions): Generator<DemoEvent> {
  if (!Number.isSafeInteger(events) || events < MIN_DEMO_EVENTS) {
    throw new KeystoneError('KS_USAGE', `A demo needs at least ${MIN_DEMO_EVENTS} events to hold every fault, not ${events}.`, {
      hint: `keystone demo --events ${MIN_DEMO_EVENTS}`,
    });
  }
  const random = seededRandom(seed);
  const shop = makeShop(random, { products: Math.ceil(events / 80), sellers: Math.ceil(events / 400) });
  let sequence = 0;
  const nextEventId = (dataset: string): string => `${dataset}-${String(++sequence).padStart(7, '0')}`;

  let sent = 0;
  const reference = function* (): Generator<readonly [string, SampleRow]> {
    for (const category of CATEGORIES) yield ['category_translation', categoryRow(category)];
    for (const seller of shop.sellers) yield ['sellers', seller.row];
    for (const product of shop.products) yield ['products', product.row];
    let point = geolocationRow(random);
    for (let count = 0; count < events / 25; count++) {
      yield ['geolocation', point];
      // Real postal data repeats points exactly, and all of them stay.
      if (!random.chance(0.25)) point = geolocationRow(random);
    }
  };
  for (const [dataset, row] of reference()) {
    sent++;
    yield {
      dataset,
      eventId: nextEventId(dataset),
      source: 'erp',
      payload: encodeRow(row),
      wave: 1,
      fault: null,
      fate: { kind: 'silver' },
    };
  }

  const stories = Math.max(1, Math.floor((events - sent) / EVENTS_PER_STORY));
  const faults = planFaults(random, events);
  const storiesPerFault = (stories * 0.9) / faults.length;
  const times = purchaseTimes(random, stories);
  const buyers: Buyer[] = [];
  const deferred: DemoEvent[] = [];
  let faultsPlaced = 0;
  for (let number = 0; sent + deferred.length < events; number++) {
    const returning = random.chance(0.12) ? buyers[random.int(0, BUYER_POOL - 1)] : undefined;
    const buyer = returning ?? newBuyer(random);
    if (!returning) buyers[buyers.length < BUYER_POOL ? buyers.length : random.int(0, BUYER_POOL - 1)] = buyer;
    const purchaseMs = times.next().value;
    const fault = number >= faultsPlaced * storiesPerFault ? (faults[faultsPlaced++] ?? null) : null;
    const story = makeOrderStory(random, shop, buyer, purchaseMs);
    for (const event of storyEvents({ story, fault, rules, nextEventId, foundingOrder: random.chance(0.15) })) {
      // The last order may lose its review to the exact count; it holds no fault.
      if (sent + deferred.length >= events) break;
      if (event.wave > 1) deferred.push(event);
      else {
        sent++;
        yield event;
      }
    }
  }
  for (const wave of [2, 3] as const) yield* deferred.filter((event) => event.wave === wave);
}

/**
 * The events of one order, with at most one seeded fault among them. Faults that take two events or a later wave:
 *
 * | kind | first | then |
 * |---|---|---|
 * | resent, resent_later, resent_next_run | silver | same id, same payload: duplicate |
 * | id_reused | silver | same id, other payload: quarantined `event_id_conflict` |
 * | newer_version, newer_version_next_run, moved_partition | superseded | new id, same key: silver |
 * | old_version_again | superseded, silver | the first id again after both: duplicate |
 * | late | nothing | the order comes a run later than its day: silver |
 */
import { encodeRow, type DemoEvent, type Fate, type SampleRow, type Wave } from './demo-event.js';
import type { OrderStory } from './order-story.js';
import type { FaultRules, SpoilingFault } from './seeded-fault.js';

export type PairFaultKind =
  | 'resent'
  | 'resent_later'
  | 'resent_next_run'
  | 'id_reused'
  | 'newer_version'
  | 'newer_version_next_run'
  | 'moved_partition'
  | 'old_version_again'
  | 'late';

export interface PairFault {
  readonly kind: PairFaultKind;
  readonly title: string;
  readonly dataset: string;
}

export const PAIR_FAULTS: readonly PairFault[] = [
  { kind: 'resent', title: 'Sent twice', dataset: 'order_payments' },
  { kind: 'resent_later', title: 'Sent again later', dataset: 'customers' },
  { kind: 'resent_next_run', title: 'Sent again after it was consumed', dataset: 'orders' },
  { kind: 'id_reused', title: 'Event id used for another payload', dataset: 'order_items' },
  { kind: 'newer_version', title: 'Newer version of an order', dataset: 'orders' },
  { kind: 'newer_version_next_run', title: 'Newer version after it was consumed', dataset: 'orders' },
  { kind: 'moved_partition', title: 'Newer version in another partition', dataset: 'order_items' },
  { kind: 'old_version_again', title: 'Old version sent again', dataset: 'orders' },
  { kind: 'late', title: 'Late order', dataset: 'orders' },
];

export type SeededFault = SpoilingFault | PairFault;

const SILVER: Fate = { kind: 'silver' };
const DUPLICATE: Fate = { kind: 'duplicate' };
const SUPERSEDED: Fate = { kind: 'superseded' };

const SOURCES: Readonly<Record<string, string>> = {
  orders: 'storefront',
  customers: 'storefront',
  order_items: 'storefront',
  order_payments: 'payment-gateway',
  order_reviews: 'review-mailer',
};

export interface StoryOptions {
  readonly story: OrderStory;
  readonly fault: SeededFault | null;
  readonly rules: FaultRules;
  /** Makes the id of the next event of a dataset. */
  readonly nextEventId: (dataset: string) => string;
  /** Send an unspoilt order through the founding service. */
  readonly foundingOrder: boolean;
}

/** In the order of sending; events of waves 2 and 3 follow the first wave's. */
export function storyEvents({ story, fault, rules, nextEventId, foundingOrder }: StoryOptions): readonly DemoEvent[] {
  const rows: (readonly [dataset: string, row: SampleRow])[] = [
    ['customers', story.customer],
    ['orders', story.order],
    ...story.items.map((row) => ['order_items', row] as const),
    ...story.payments.map((row) => ['order_payments', row] as const),
  ];
  if (story.reviewed || fault?.dataset === 'order_reviews') rows.push(['order_reviews', story.review]);

  let pending = fault;
  return rows.flatMap(([dataset, row]) => {
    const source = SOURCES[dataset] ?? 'erp';
    if (pending?.dataset === dataset) {
      const here = pending;
      pending = null;
      if ('spoil' in here) return [spoiltEvent(here, row, source, rules, nextEventId)];
      return pairEvents(here.kind, dataset, row, source, nextEventId);
    }
    const founding = foundingOrder && dataset === 'orders' && fault?.dataset !== 'orders';
    const event: DemoEvent = {
      dataset,
      eventId: founding ? null : nextEventId(dataset),
      source: founding ? '' : source,
      payload: encodeRow(row),
      wave: 1,
      fault: null,
      fate: SILVER,
    };
    return [event];
  });
}

function spoiltEvent(
  fault: SpoilingFault,
  row: SampleRow,
  source: string,
  rules: FaultRules,
  nextEventId: (dataset: string) => string,
): DemoEvent {
  const { payload, dataset = fault.dataset } = fault.spoil(row);
  const founding = fault.founding === true;
  return {
    dataset,
    eventId: founding ? null : nextEventId(dataset),
    source: founding ? '' : source,
    payload,
    wave: 1,
    fault: fault.kind,
    fate: fault.fate(rules),
  };
}

function pairEvents(
  kind: PairFaultKind,
  dataset: string,
  row: SampleRow,
  source: string,
  nextEventId: (dataset: string) => string,
): DemoEvent[] {
  const eventId = nextEventId(dataset);
  const event = (wave: Wave, fate: Fate, id = eventId, content = row): DemoEvent => ({
    dataset,
    eventId: id,
    source,
    payload: encodeRow(content),
    wave,
    fault: kind,
    fate,
  });
  /** The order while the parcel was still on its way. */
  const underway: SampleRow = { ...row, order_status: 'shipped', order_delivered_customer_date: null };
  switch (kind) {
    case 'resent':
      return [event(1, SILVER), event(1, DUPLICATE)];
    case 'resent_later':
      return [event(1, SILVER), event(2, DUPLICATE)];
    case 'resent_next_run':
      return [event(1, SILVER), event(3, DUPLICATE)];
    case 'id_reused':
      return [
        event(1, SILVER),
        event(2, { kind: 'quarantined', reason: 'event_id_conflict' }, eventId, { ...row, freight_value: 99.99 }),
      ];
    case 'newer_version':
      return [event(1, SUPERSEDED, eventId, underway), event(2, SILVER, nextEventId(dataset))];
    case 'newer_version_next_run':
      return [event(1, SUPERSEDED, eventId, underway), event(3, SILVER, nextEventId(dataset))];
    case 'moved_partition':
      return [
        event(1, SUPERSEDED, eventId, { ...row, shipping_limit_date: earlierMonth(String(row['shipping_limit_date'])) }),
        event(3, SILVER, nextEventId(dataset)),
      ];
    case 'old_version_again':
      return [
        event(1, SUPERSEDED, eventId, underway),
        event(2, SILVER, nextEventId(dataset)),
        event(3, DUPLICATE, eventId, underway),
      ];
  }
  // late: the order misses its own run.
  return [event(3, SILVER)];
}

const pad = (value: number): string => String(value).padStart(2, '0');

/** The same day and time one month earlier (days 29-31 become the 28th). */
function earlierMonth(timestamp: string): string {
  const [year = 0, month = 1, day = 1] = timestamp.slice(0, 10).split('-').map(Number);
  const months = year * 12 + month - 2;
  return `${Math.floor(months / 12)}-${pad((months % 12) + 1)}-${pad(Math.min(day, 28))}${timestamp.slice(10)}`;
}

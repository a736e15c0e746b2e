/** Where an event must have ended once everything is consumed. */
export type Fate =
  /** The current row of its key in `silver.<dataset>`. */
  | { readonly kind: 'silver' }
  /** In `error.events` under this class. */
  | { readonly kind: 'error'; readonly class: string }
  /** In `quarantine.events` with this among its reasons. */
  | { readonly kind: 'quarantined'; readonly reason: string }
  /** Nowhere but in `ledger.dispositions`. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'superseded' };

/** Rounds of sending: a wave is acknowledged before the next one starts; the lake is brought up to date after 2 and after 3. */
export type Wave = 1 | 2 | 3;

export interface DemoEvent {
  readonly dataset: string;
  /** Null for the founding service, whose requests carry a payload and nothing else. */
  readonly eventId: string | null;
  readonly source: string;
  readonly payload: Uint8Array;
  readonly wave: Wave;
  /** The kind of seeded fault, or null for an ordinary event. */
  readonly fault: string | null;
  readonly fate: Fate;
}

/** A row of a dataset, columns in the order of the source's CSV header. */
export type SampleRow = Readonly<Record<string, string | number | null>>;

const encoder = new TextEncoder();

/** The payload of a row: one JSON object. */
export const encodeRow = (row: SampleRow): Uint8Array => encoder.encode(JSON.stringify(row));

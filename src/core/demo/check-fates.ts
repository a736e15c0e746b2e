/**
 * Looks up every seeded fault in the tables and compares where it lies with where it belongs. An event is identified by its log
 * position, which the receipt told; the founding service tells none, so its events are found in bronze by their bytes.
 */
import type { JsonValue, SqlEngine } from '../engine/sql-engine.js';
import { quoteLiteral, quoteQualified } from '../engine/sql-text.js';
import type { RecordPosition } from '../log/event-log.js';
import type { DemoEvent, Fate } from './demo-event.js';
import { SEEDED_FAULTS } from './generate-events.js';
import { cellText } from './query-cell.js';

/** A seeded fault's event after it was acknowledged. */
export interface SentFault {
  readonly event: DemoEvent;
  /** Null for the founding service. */
  readonly position: RecordPosition | null;
}

export interface Misplaced {
  /** The id, or the founding event's first bytes. */
  readonly event: string;
  readonly position: string | null;
  readonly expected: string;
  readonly found: string;
}

export interface FaultOutcome {
  readonly kind: string;
  readonly title: string;
  /** Where the events of this fault must lie, e.g. `error invalid_json`, `superseded, silver`. */
  readonly expected: string;
  readonly events: number;
  readonly asExpected: number;
  readonly misplaced: readonly Misplaced[];
}

export interface RowCount {
  readonly table: string;
  readonly expected: number;
  readonly found: number;
}

/** Everything the lake says about one event. */
interface Whereabouts {
  silver: boolean;
  error: { readonly class: string; readonly payload: string | null } | null;
  quarantine: { readonly reasons: readonly string[]; readonly payload: string | null } | null;
  verdict: string | null;
}

const fateText = (fate: Fate): string => {
  if (fate.kind === 'error') return `error ${fate.class}`;
  return fate.kind === 'quarantined' ? `quarantine ${fate.reason}` : fate.kind;
};

export async function checkFates(
  engine: SqlEngine,
  sent: readonly SentFault[],
  signal: AbortSignal,
): Promise<readonly FaultOutcome[]> {
  const located = await locate(engine, sent, signal);
  const whereabouts = await readWhereabouts(engine, sent, signal);
  return SEEDED_FAULTS.map(({ kind, title }) => {
    const events = sent.filter(({ event }) => event.fault === kind);
    const misplaced: Misplaced[] = [];
    for (const fault of events) {
      const position = located.get(fault) ?? null;
      const found = position === null ? undefined : whereabouts.get(position);
      if (isAsExpected(fault.event, found)) continue;
      misplaced.push({
        event: fault.event.eventId ?? new TextDecoder().decode(fault.event.payload.slice(0, 60)),
        position,
        expected: fateText(fault.event.fate),
        found: position === null ? 'not in bronze' : describe(found),
      });
    }
    return {
      kind,
      title,
      expected: [...new Set(events.map(({ event }) => fateText(event.fate)))].join(', '),
      events: events.length,
      asExpected: events.length - misplaced.length,
      misplaced,
    };
  });
}

/** Compares the tables' row counts with the counts of events that must have become a row there. */
export async function countRows(
  engine: SqlEngine,
  expected: ReadonlyMap<string, number>,
  signal: AbortSignal,
): Promise<readonly RowCount[]> {
  const counts: RowCount[] = [];
  for (const [table, rows] of expected) {
    const { rows: found } = await engine.query(`SELECT count(*) AS n FROM ${quoteQualified(table)}`, { signal });
    counts.push({ table, expected: rows, found: Number(found[0]?.['n'] ?? 0) });
  }
  return counts;
}

const positionText = (partition: JsonValue | undefined, offset: JsonValue | undefined): string =>
  `${cellText(partition)}/${cellText(offset)}`;

/** partition/offset of each event that is in bronze. */
async function locate(
  engine: SqlEngine,
  sent: readonly SentFault[],
  signal: AbortSignal,
): Promise<ReadonlyMap<SentFault, string>> {
  const located = new Map<SentFault, string>();
  const unnamed = sent.filter((fault) => fault.position === null);
  for (const fault of sent) {
    if (fault.position) located.set(fault, positionText(fault.position.partition, fault.position.offset));
  }
  if (unnamed.length === 0) return located;
  const blobs = unnamed.map(({ event }) => `unhex('${Buffer.from(event.payload).toString('hex')}')`).join(', ');
  const { rows } = await engine.query(
    `SELECT kafka_partition, kafka_offset, payload FROM bronze.events WHERE payload IN (${blobs})`,
    { signal },
  );
  const byPayload = new Map(
    rows.map((row) => [cellText(row['payload']), positionText(row['kafka_partition'], row['kafka_offset'])]),
  );
  for (const fault of unnamed) {
    const position = byPayload.get(base64(fault.event.payload));
    if (position !== undefined) located.set(fault, position);
  }
  return located;
}

/** By position: the faulty events' rows in every table. Dispositions, error and quarantine hold little else, so they are read whole. */
async function readWhereabouts(
  engine: SqlEngine,
  sent: readonly SentFault[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Whereabouts>> {
  const found = new Map<string, Whereabouts>();
  const at = (partition: JsonValue | undefined, offset: JsonValue | undefined): Whereabouts => {
    const position = positionText(partition, offset);
    let entry = found.get(position);
    if (!entry) found.set(position, (entry = { silver: false, error: null, quarantine: null, verdict: null }));
    return entry;
  };
  const read = async (sql: string): Promise<readonly { readonly [column: string]: JsonValue }[]> =>
    (await engine.query(sql, { signal })).rows;

  for (const row of await read('SELECT kafka_partition, kafka_offset, verdict FROM ledger.dispositions')) {
    at(row['kafka_partition'], row['kafka_offset']).verdict = cellText(row['verdict']);
  }
  for (const row of await read('SELECT kafka_partition, kafka_offset, class, payload FROM error.events')) {
    at(row['kafka_partition'], row['kafka_offset']).error = {
      class: cellText(row['class']),
      payload: textOrNull(row['payload']),
    };
  }
  for (const row of await read('SELECT kafka_partition, kafka_offset, reasons, payload FROM quarantine.events')) {
    const reasons = Array.isArray(row['reasons']) ? row['reasons'].map(cellText) : [];
    at(row['kafka_partition'], row['kafka_offset']).quarantine = { reasons, payload: textOrNull(row['payload']) };
  }
  const ids = new Map<string, Set<string>>();
  for (const { event } of sent) {
    if (event.eventId === null || event.dataset === 'coupons') continue;
    const known = ids.get(event.dataset);
    if (known) known.add(event.eventId);
    else ids.set(event.dataset, new Set([event.eventId]));
  }
  for (const [dataset, eventIds] of ids) {
    const list = [...eventIds].map(quoteLiteral).join(', ');
    for (const row of await read(
      `SELECT _partition, _offset FROM ${quoteQualified(`silver.${dataset}`)} WHERE _event_id IN (${list})`,
    )) {
      at(row['_partition'], row['_offset']).silver = true;
    }
  }
  return found;
}

const textOrNull = (value: JsonValue | undefined): string | null => (typeof value === 'string' ? value : null);

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

/** Exactly one home, the right one; whatever was rejected still has its bytes. */
function isAsExpected(event: DemoEvent, found: Whereabouts | undefined): boolean {
  if (!found) return false;
  const { fate } = event;
  const payload = base64(event.payload);
  if (fate.kind === 'silver') return found.silver && !found.error && !found.quarantine && found.verdict === null;
  if (found.silver) return false;
  if (fate.kind === 'error') {
    return !found.quarantine && found.verdict === 'error' && found.error?.class === fate.class && found.error.payload === payload;
  }
  if (found.error) return false;
  if (fate.kind === 'quarantined') {
    const { quarantine, verdict } = found;
    return verdict === 'quarantined' && quarantine?.reasons.includes(fate.reason) === true && quarantine.payload === payload;
  }
  return !found.quarantine && found.verdict === fate.kind;
}

function describe(found: Whereabouts | undefined): string {
  if (!found) return 'in no table above bronze';
  const homes = [
    ...(found.silver ? ['silver'] : []),
    ...(found.error ? [`error ${found.error.class}`] : []),
    ...(found.quarantine ? [`quarantine ${found.quarantine.reasons.join(' ')}`] : []),
    ...(found.verdict === null ? [] : [`disposition ${found.verdict}`]),
  ];
  return homes.join(', ');
}

/** A few failing rows of each failing check: the values that matter, and where the event came from. */
import type { DuckJsonRow, DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';
import type { PlannedCheck } from './planned-check.js';

export interface FailingRow {
  readonly check: string;
  readonly zone: 'silver' | 'quarantine';
  /** `topic/partition/offset`, as `quarantine show` takes it. */
  readonly origin: string;
  readonly eventId: string;
  /** Key and checked columns (numbers beyond 2^53, decimals and moments as text); null in quarantine, where nothing is typed. */
  readonly values: Readonly<Record<string, unknown>> | null;
}

/** The first `limit` rows of silver by origin, of each check: one scan for all row checks, another for each uniqueness check. */
export async function sampleSilver(
  session: DuckSession,
  rowsSql: string,
  checks: readonly PlannedCheck[],
  key: readonly string[],
  limit: number,
): Promise<ReadonlyMap<string, readonly FailingRow[]>> {
  const samples = new Map<string, readonly FailingRow[]>();
  const rowChecks = checks.filter(({ failsSql }) => failsSql !== null);
  const columns = rowChecks.map(
    (check, index) => `${firstRows(check, key, limit)} FILTER (WHERE ${check.failsSql}) AS s${index}`,
  );
  if (columns.length > 0) {
    const [found] = await session.jsonRows<DuckJsonRow>(`SELECT ${columns.join(', ')} FROM ${rowsSql}`);
    for (const [index, check] of rowChecks.entries()) samples.set(check.name, failingRows(check, key, found?.[`s${index}`]));
  }
  for (const check of checks.filter(({ kind }) => kind === 'unique')) {
    const [found] = await session.jsonRows<DuckJsonRow>(
      `SELECT ${firstRows(check, key, limit)} AS s FROM ${rowsSql} WHERE ${duplicates(rowsSql, check)}`,
    );
    samples.set(check.name, failingRows(check, key, found?.['s']));
  }
  return samples;
}

/** Key and checked columns. */
export const shownColumns = (check: PlannedCheck, key: readonly string[]): readonly string[] => [
  ...new Set([...key, ...check.columns]),
];

/** An aggregate: structs in the order of their fields, so the position comes first. */
function firstRows(check: PlannedCheck, key: readonly string[], limit: number): string {
  const fields = ['_topic', '_partition', '_offset', '_event_id', ...shownColumns(check, key)];
  return `min({${fields.map((name) => `${quoteLiteral(name)}: ${quoteIdentifier(name)}`).join(', ')}}, ${limit})`;
}

const failingRows = (check: PlannedCheck, key: readonly string[], found: unknown): readonly FailingRow[] =>
  ((found ?? []) as readonly DuckJsonRow[]).map((row) => failingRow(check, key, row));

/** `row`: the event's position and id, and at least the shown columns. */
export const failingRow = (check: PlannedCheck, key: readonly string[], row: Readonly<Record<string, unknown>>): FailingRow => ({
  check: check.name,
  zone: 'silver',
  origin: `${String(row['_topic'])}/${String(row['_partition'])}/${String(row['_offset'])}`,
  eventId: String(row['_event_id']),
  values: Object.fromEntries(shownColumns(check, key).map((name) => [name, row[name] ?? null])),
});

/** The first `limit` rows of `quarantined` (columns topic, kafka_partition, kafka_offset, event_id, reasons) by origin. */
export async function sampleQuarantine(
  session: DuckSession,
  quarantined: string,
  check: PlannedCheck,
  limit: number,
): Promise<readonly FailingRow[]> {
  const reasons = check.reasons.map(quoteLiteral).join(', ');
  const rows = await session.jsonRows<DuckJsonRow>(
    `SELECT topic || '/' || kafka_partition || '/' || kafka_offset AS origin, event_id FROM ${quarantined}
     WHERE list_has_any(reasons, [${reasons}]) ORDER BY topic, kafka_partition, kafka_offset LIMIT ${limit}`,
  );
  return rows.map((row) => ({
    check: check.name,
    zone: 'quarantine',
    origin: String(row['origin']),
    eventId: String(row['event_id']),
    values: null,
  }));
}

const duplicates = (rowsSql: string, check: PlannedCheck): string => {
  const names = check.columns.map(quoteIdentifier).join(', ');
  return `(${names}) IN (SELECT (${names}) FROM ${rowsSql} GROUP BY ${names} HAVING count(*) > 1)`;
};

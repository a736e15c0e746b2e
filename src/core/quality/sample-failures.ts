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

const ORIGIN = `_topic || '/' || _partition || '/' || _offset`;

/** The first `limit` rows of silver by origin. */
export async function sampleSilver(
  session: DuckSession,
  rowsSql: string,
  check: PlannedCheck,
  key: readonly string[],
  limit: number,
): Promise<readonly FailingRow[]> {
  const shown = [...new Set([...key, ...check.columns])];
  const columns = shown.map(quoteIdentifier).join(', ');
  const fails = check.kind === 'unique' ? duplicates(rowsSql, check) : check.failsSql;
  if (fails === null) return [];
  const rows = await session.jsonRows<DuckJsonRow>(
    `SELECT ${ORIGIN} AS _origin, _event_id, ${columns} FROM ${rowsSql} WHERE ${fails} ORDER BY _topic, _partition, _offset LIMIT ${limit}`,
  );
  return rows.map((row) => ({
    check: check.name,
    zone: 'silver',
    origin: String(row['_origin']),
    eventId: String(row['_event_id']),
    values: Object.fromEntries(shown.map((name) => [name, row[name] ?? null])),
  }));
}

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

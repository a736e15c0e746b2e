/** `quarantine show`: one rejected event with everything that it came with. */
import type { JsonValue } from '../engine/sql-engine.js';
import { quoteLiteral, quoteQualified } from '../engine/sql-text.js';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { readableBytes, type ReadableBytes } from './readable-bytes.js';
import { type RejectedEvent, rejectedEvent, type Zone, ZONES, zoneColumns, zoneTable } from './rejected-zone.js';

export interface RejectedEventDetail extends RejectedEvent {
  /** When bronze took it, UTC. */
  readonly ingestedAt: string;
  readonly key: ReadableBytes | null;
  readonly headers: readonly { readonly key: string; readonly value: ReadableBytes | null }[];
  /** Exactly as it arrived; null is a tombstone. */
  readonly payload: ReadableBytes | null;
}

/**
 * `reference` is `topic/partition/offset`, or an event id, which several rejected events may share (event_id_conflict): all are
 * given. Looks in both zones unless `zone` names one. Throws KS_NOT_FOUND.
 */
export async function showQuarantined(
  lakehouse: Lakehouse,
  reference: string,
  zone?: Zone,
): Promise<readonly RejectedEventDetail[]> {
  const zones = zone === undefined ? ZONES : [zone];
  const found: RejectedEventDetail[] = [];
  for (const each of zones) {
    const name = zoneTable(each);
    if ((await lakehouse.table(name)) === null) continue;
    const engine = await lakehouse.engine();
    const { rows } = await engine.query(
      `SELECT ${zoneColumns(each)}, ingested_at, key, headers, payload FROM ${quoteQualified(name)}
       WHERE ${condition(reference)} ORDER BY topic, kafka_partition, kafka_offset LIMIT 100`,
    );
    found.push(...rows.map(detail));
  }
  if (found.length === 0) {
    throw new KeystoneError('KS_NOT_FOUND', `no event "${reference}" in ${zones.join(' or ')}`, {
      hint: `keystone quarantine list${zone === 'error' ? ' --zone error' : ''}`,
    });
  }
  return found;
}

/** An event id may itself look like an origin, so that one matches either way. */
function condition(reference: string): string {
  const byId = `event_id = ${quoteLiteral(reference)}`;
  const origin = /^(.+)\/(\d{1,9})\/(\d{1,18})$/.exec(reference);
  if (origin === null) return byId;
  return `(${byId} OR (topic = ${quoteLiteral(origin[1] ?? '')} AND kafka_partition = ${origin[2]} AND kafka_offset = ${origin[3]}))`;
}

const detail = (row: Readonly<Record<string, JsonValue>>): RejectedEventDetail => ({
  ...rejectedEvent(row),
  ingestedAt: String(row['ingested_at'] ?? ''),
  key: bytes(row['key']),
  headers: (Array.isArray(row['headers']) ? row['headers'] : []).flatMap((header: JsonValue) =>
    isObject(header) ? [{ key: String(header['key'] ?? ''), value: bytes(header['value']) }] : [],
  ),
  payload: bytes(row['payload']),
});

/** The engine gives binary as base64. */
const bytes = (value: JsonValue | undefined): ReadableBytes | null =>
  typeof value === 'string' ? readableBytes(Buffer.from(value, 'base64')) : null;

const isObject = (value: JsonValue): value is { readonly [key: string]: JsonValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

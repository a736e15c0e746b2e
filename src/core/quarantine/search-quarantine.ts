/** `quarantine search`: which rejected events hold a text, and where. */
import { quoteLiteral } from '../engine/sql-text.js';
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import { bytesText, type RejectedFilter, rejectedSql, rejectedWhere } from './rejected-filter.js';
import { type RejectedEvent, rejectedEvent } from './rejected-zone.js';

/** Parts of an event that are searched, in the order in which a hit is looked for; all as text. */
const PARTS = {
  payload: bytesText('payload'),
  reasons: `array_to_string(reasons, ', ')`,
  detail: 'detail',
  key: bytesText('"key"'),
  eventId: 'event_id',
  source: 'source',
} as const;

export type SearchedPart = keyof typeof PARTS;

/** Characters shown on each side of a hit. */
const CONTEXT = 40;
/** Most characters of the hit itself. */
const HIT_LENGTH = 200;
/** Longer patterns are a file pasted by mistake. */
const LONGEST_PATTERN = 1_000;

export interface RejectedHit extends RejectedEvent {
  /** Parts that hold the text. */
  readonly foundIn: readonly SearchedPart[];
  /** The first hit in the first of them. */
  readonly before: string;
  readonly hit: string;
  readonly after: string;
}

export interface QuarantineSearch {
  /** All that match, not only those listed. */
  readonly total: number;
  /** Newest rejection first. */
  readonly rows: readonly RejectedHit[];
}

export interface SearchOptions extends RejectedFilter {
  readonly text: string;
  /** The text is a regular expression (RE2: no look-around, linear time). */
  readonly regex?: boolean;
  /** Upper and lower case differ. */
  readonly caseSensitive?: boolean;
  readonly limit: number;
  readonly signal?: AbortSignal;
}

/** Bytes that are no UTF-8 are searched as `\xHH`. Throws KS_USAGE for an empty text, a wrong expression, an unreadable date. */
export async function searchQuarantine(lakehouse: Lakehouse, options: SearchOptions): Promise<QuarantineSearch> {
  const pattern = quoteLiteral(patternOf(options));
  const letters = options.caseSensitive ? "'c'" : "'i'";
  const where = rejectedWhere(options, lakehouse.effects.clock.nowMs());
  const engine = await lakehouse.engine();
  const given = options.signal ? { signal: options.signal } : {};
  if (options.regex) {
    await engine.query(`SELECT regexp_matches('', ${pattern}, ${letters})`).catch((error: unknown) => {
      if (!isKeystoneError(error) || error.code !== 'KS_SQL') throw error;
      throw new KeystoneError(
        'KS_USAGE',
        `"${options.text}" is no regular expression: ${error.message.replace(/^[\w ]*Error: /, '')}`,
        {
          hint: 'leave --regex away to search for the text as it is',
          cause: error,
        },
      );
    });
  }
  const rejected = await rejectedSql(lakehouse, options.zone, ['payload', '"key"']);
  if (rejected === null) return { total: 0, rows: [] };
  const parts = Object.entries(PARTS).map(([name, sql]) => ({ name: name as SearchedPart, sql }));
  const holds = (sql: string): string => `coalesce(regexp_matches(${sql}, ${pattern}, ${letters}), false)`;
  const matching = `FROM (${rejected}) WHERE ${where} AND (${parts.map(({ sql }) => holds(sql)).join(' OR ')})`;
  const { rows: counted } = await engine.query(`SELECT count(*) AS total ${matching}`, given);
  const total = Number(counted[0]?.['total'] ?? 0);
  if (total === 0 || options.limit < 1) return { total, rows: [] };
  // Only the rows that are shown have their hits looked for, and only the hits' surroundings leave the engine: payloads may be large.
  const { rows } = await engine.query(
    `WITH shown AS (SELECT * ${matching} ORDER BY processed_at DESC, topic, kafka_partition, kafka_offset LIMIT ${Math.trunc(options.limit)}),
       found AS (SELECT *, CASE ${parts.map(({ name, sql }) => `WHEN ${holds(sql)} THEN ${quoteLiteral(name)}`).join(' ')} END AS first_part,
         list_filter([${parts.map(({ name, sql }) => `CASE WHEN ${holds(sql)} THEN ${quoteLiteral(name)} END`).join(', ')}], lambda part: part IS NOT NULL) AS parts FROM shown),
       texts AS (SELECT * EXCLUDE (payload, "key"), CASE first_part ${parts.map(({ name, sql }) => `WHEN ${quoteLiteral(name)} THEN ${sql}`).join(' ')} END AS searched FROM found),
       hits AS (SELECT *, regexp_extract(searched, ${pattern}, 0, ${letters}) AS hit FROM texts),
       places AS (SELECT *, greatest(1, strpos(searched, hit)) AS place FROM hits)
     SELECT * EXCLUDE (searched, hit, place), substr(hit, 1, ${HIT_LENGTH}) AS hit,
       substr(searched, greatest(1, place - ${CONTEXT}), least(${CONTEXT}, place - 1)) AS before_hit,
       substr(searched, place + length(hit), ${CONTEXT}) AS after_hit
     FROM places ORDER BY processed_at DESC, topic, kafka_partition, kafka_offset`,
    given,
  );
  return {
    total,
    rows: rows.map((row) => ({
      ...rejectedEvent(row),
      foundIn: (row['parts'] as readonly SearchedPart[] | null) ?? [],
      before: String(row['before_hit'] ?? ''),
      hit: String(row['hit'] ?? ''),
      after: String(row['after_hit'] ?? ''),
    })),
  };
}

function patternOf({ text, regex }: SearchOptions): string {
  if (text === '')
    throw new KeystoneError('KS_USAGE', 'an empty text is in every event', { hint: 'keystone quarantine list lists them all' });
  if (text.length > LONGEST_PATTERN) {
    throw new KeystoneError('KS_USAGE', `the text to search for has ${text.length} characters, more than ${LONGEST_PATTERN}`, {
      hint: 'search for a part of it that is rare',
    });
  }
  return regex ? text : text.replaceAll(/[\\^$.|?*+()[\]{}]/g, String.raw`\$&`);
}

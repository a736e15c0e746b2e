/**
 * DuckDB's `json_valid` reads a superset of JSON: trailing commas, NaN and Infinity pass. Texts that may hold one of these are
 * parsed once more with a parser that follows RFC 8259 (V8's), which also words the fault for the error zone.
 */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { quoteLiteral } from '../engine/sql-text.js';
import { messageOf } from '../errors.js';

/** A bare nan, inf or infinity; free text that looks like one only costs a parse. */
const NO_NUMBER = String.raw`-?(?i:nan|inf(inity)?)\s*([,\]}\s]|$)`;
/**
 * A comma before a closing bracket, or no number where a value begins. One pattern for each sign that may stand before a value: RE2
 * looks for a leading sign by memchr, and steps through every byte of a pattern that begins with a choice (twice the time).
 */
const SUSPICIOUS: readonly string[] = [
  String.raw`,\s*([\]}]|${NO_NUMBER})`,
  String.raw`:\s*${NO_NUMBER}`,
  String.raw`\[\s*${NO_NUMBER}`,
  String.raw`^\s*${NO_NUMBER}`,
];

/** Longer texts are judged by DuckDB alone for the wording of their fault. */
const MAX_WORDED_LENGTH = 1_000_000;
/** What RFC 8259 leaves open and DuckDB refuses: no column could hold it as UTF-8. */
const NO_TEXT = 'an escape is no Unicode text (a lone surrogate)';
const PAGE_ROWS = 5_000;

/** null: valid. Otherwise why not, in the parser's words without the text itself (payloads stay out of messages). */
function jsonFault(text: string): string | null {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return (
      messageOf(error)
        .replace(/,? ?"[\s\S]*$/, '')
        .replaceAll(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .slice(0, 200) || 'not valid JSON'
    );
  }
}

/**
 * Over the table `rows` (`_partition`, `_offset`, `_text`, `_class`): marks what only DuckDB took for JSON as `invalid_json`, and
 * fills `_detail` of every `invalid_json` row.
 */
export async function recheckJson(session: DuckSession, rows: string): Promise<void> {
  await session.run(`CREATE OR REPLACE TEMP TABLE json_suspects AS
    SELECT _partition, _offset, _text, _class, row_number() OVER () AS n FROM ${rows}
    WHERE (_class IS NULL AND (${SUSPICIOUS.map((pattern) => `regexp_matches(_text, ${quoteLiteral(pattern)})`).join(' OR ')})) OR (_class = 'invalid_json' AND length(_text) <= ${MAX_WORDED_LENGTH})`);
  await session.run('CREATE OR REPLACE TEMP TABLE json_faults (_partition INTEGER, _offset BIGINT, fault VARCHAR)');
  for (let from = 0; ; from += PAGE_ROWS) {
    const page = await session.rows<{ _partition: number; _offset: bigint; _text: string; _class: string | null }>(
      `SELECT _partition, _offset, _text, _class FROM json_suspects WHERE n > ${from} AND n <= ${from + PAGE_ROWS}`,
    );
    if (page.length === 0) break;
    const faults = page.flatMap((row) => {
      const fault = jsonFault(row._text) ?? (row._class === null ? null : NO_TEXT);
      return fault === null ? [] : [`(${row._partition}, ${row._offset}, ${quoteLiteral(fault)})`];
    });
    if (faults.length > 0) await session.run(`INSERT INTO json_faults VALUES ${faults.join(', ')}`);
  }
  await session.run(`UPDATE ${rows} SET _class = 'invalid_json', _detail = fault FROM json_faults
    WHERE ${rows}._partition = json_faults._partition AND ${rows}._offset = json_faults._offset`);
  await session.run('DROP TABLE json_suspects; DROP TABLE json_faults');
}

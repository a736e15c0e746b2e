/** From DuckDB's values to the JSON-safe values of the `SqlEngine` port (docs/formats.md, "JSON out"). */
import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import type { JsonValue } from '../sql-engine.js';

/** `.5` → `.500000`: a fraction is written with all six digits or not at all, so that texts of one column compare. */
const sixDigits = (text: string): string => text.replace(/\.(\d{1,5})$/, (_, digits: string) => `.${digits.padEnd(6, '0')}`);

const integer = (value: bigint): JsonValue => {
  const safe = Number(value);
  return Number.isSafeInteger(safe) ? safe : value.toString();
};

/**
 * Integers that a JSON number holds exactly stay numbers, larger ones and all decimals become text; NaN and infinities, which
 * JSON lacks, become text too. A map with text keys is an object, any other a list of `{key, value}`. A zoned timestamp is
 * given in UTC with `+00`. Types without a form of their own (interval, time, uuid, bit) are DuckDB's text.
 */
export function jsonValueOf(value: DuckDBValue): JsonValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return integer(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (value instanceof DuckDBDecimalValue) return value.toString();
  if (value instanceof DuckDBTimestampValue) return sixDigits(value.toString());
  if (value instanceof DuckDBTimestampTZValue) return `${sixDigits(new DuckDBTimestampValue(value.micros).toString())}+00`;
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes).toString('base64');
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(jsonValueOf);
  if (value instanceof DuckDBStructValue) {
    return Object.fromEntries(Object.entries(value.entries).map(([name, entry]) => [name, jsonValueOf(entry)]));
  }
  if (value instanceof DuckDBMapValue) {
    const entries = value.entries.map((entry) => [jsonValueOf(entry.key), jsonValueOf(entry.value)] as const);
    if (entries.every(([key]) => typeof key === 'string')) return Object.fromEntries(entries) as { [key: string]: JsonValue };
    return entries.map(([key, item]) => ({ key, value: item }));
  }
  if (value instanceof DuckDBUnionValue) return jsonValueOf(value.value);
  return String(value);
}

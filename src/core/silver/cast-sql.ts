/**
 * How a payload's text becomes a typed value, as DuckDB SQL. DuckDB's own casts are too lax for a contract: they round digits away,
 * take `nan`, `epoch`, `t`, 24:00:00, and ignore a time zone; so every text is matched before it is cast, and what does not match is
 * `bad_type`. JSON numbers and their text are equal (`5`, `"5"`); a text column takes JSON strings only.
 */
import type { ContractColumn } from '../contract/contract.js';
import { quoteIdentifier, quoteLiteral } from '../engine/sql-text.js';

/** Of one column; both read the relation that `typed-rows-sql.ts` builds: `_json` (struct of texts) and `_text` (the payload). */
export interface CastSql {
  /** The typed value, NULL when absent, null, empty, or not castable. */
  readonly value: string;
  /** TRUE when there is a text and it is no value of the type; never NULL. */
  readonly bad: string;
}

const matches = (text: string, pattern: string): string => `regexp_full_match(${text}, ${quoteLiteral(pattern)})`;

const EXPONENT = String.raw`[+-]?\d+(\.\d+)?[eE][+-]?\d{1,3}`;
const DATE = String.raw`\d{4}-\d{2}-\d{2}`;
/** Up to microseconds; further digits must be zeros, a cast may not lose any. */
const TIME = String.raw`[ T]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6}0*)?)?`;
const ZONE = String.raw` ?(Z|[+-]\d{2}(:?\d{2})?)`;

/** Exact decimals: a plain one within the scale, or an exponent form whose value loses nothing. */
function decimalSql(text: string, target: string, scale: number): string {
  const plain = scale === 0 ? String.raw`[+-]?\d+(\.0*)?` : String.raw`[+-]?\d+(\.\d{0,${scale}}0*)?`;
  const exact = `(TRY_CAST(${text} AS DECIMAL(38,18)) = TRY_CAST(${text} AS ${target}) AND (TRY_CAST(${text} AS ${target}) <> 0 OR TRY_CAST(${text} AS DOUBLE) = 0))`;
  return `CASE WHEN ${matches(text, plain)} THEN TRY_CAST(${text} AS ${target}) WHEN ${matches(text, EXPONENT)} AND ${exact} THEN TRY_CAST(${text} AS ${target}) END`;
}

function valueSql(column: ContractColumn, text: string): string {
  const { type } = column;
  switch (type.kind) {
    case 'string':
      return text;
    case 'integer':
      return `TRY_CAST(${decimalSql(text, 'DECIMAL(38,0)', 0)} AS INTEGER)`;
    case 'long':
      return `TRY_CAST(${decimalSql(text, 'DECIMAL(38,0)', 0)} AS BIGINT)`;
    case 'decimal':
      return decimalSql(text, `DECIMAL(${type.precision},${type.scale})`, type.scale);
    case 'double':
      return `CASE WHEN ${matches(text, String.raw`[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?`)} AND isfinite(TRY_CAST(${text} AS DOUBLE)) THEN TRY_CAST(${text} AS DOUBLE) END`;
    case 'boolean':
      return `CASE ${text} WHEN 'true' THEN true WHEN 'false' THEN false END`;
    case 'date':
      return `CASE WHEN ${matches(text, DATE)} THEN TRY_CAST(${text} AS DATE) END`;
    case 'timestamp':
      // A plain TIMESTAMP cast would drop an offset; TIMESTAMPTZ applies it, and the session's zone is UTC.
      return `CASE WHEN ${matches(text, `${DATE}(${TIME})?`)} THEN TRY_CAST(${text} AS TIMESTAMP) WHEN ${matches(text, DATE + TIME + ZONE)} THEN CAST(TRY_CAST(${text} AS TIMESTAMPTZ) AS TIMESTAMP) END`;
  }
}

/** JSON texts that a VARCHAR extraction cannot tell from a JSON string holding the same characters. */
const NOT_SURELY_A_STRING = String.raw`(?s)true|false|-?\d+(\.\d+)?([eE][+-]?\d+)?|[\[{].*`;

export function castSql(column: ContractColumn): CastSql {
  const raw = `_json.${quoteIdentifier(column.name)}`;
  const text = `nullif(${column.trim ? `trim(${raw})` : raw}, '')`;
  const value = valueSql(column, text);
  if (column.type.kind === 'string') {
    const path = quoteLiteral(`$."${column.name}"`);
    return {
      value,
      bad: `coalesce(CASE WHEN ${matches(raw, NOT_SURELY_A_STRING)} THEN json_type(_text, ${path}) <> 'VARCHAR' ELSE false END, false)`,
    };
  }
  return { value, bad: `(${text} IS NOT NULL AND ${quoteIdentifier(column.name)} IS NULL)` };
}

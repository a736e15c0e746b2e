/**
 * What services give for a value, as the JSON-safe values of the `SqlEngine` port: the same that DuckDB's engine gives
 * (docs/formats.md, "JSON out").
 */
import type { Json } from '../../table/lossless-json.js';
import type { JsonValue } from '../sql-engine.js';
import type { ColumnType } from './column-type.js';

const WHOLE = new Set(['tinyint', 'smallint', 'integer', 'int', 'bigint']);

/** From parsed JSON, as Trino's protocol gives it: rows as lists, maps as objects, bytes as base64; also JSON objects for rows. */
export function fromServiceJson(value: Json, type: ColumnType): JsonValue {
  if (value === null) return null;
  if (type.kind === 'array')
    return Array.isArray(value) ? value.map((each: Json) => fromServiceJson(each, type.element)) : plainJson(value);
  if (type.kind === 'map') return mapOf(value, type.key, type.value);
  if (type.kind === 'row') {
    const fieldOf = (name: string, index: number): Json =>
      Array.isArray(value)
        ? ((value as readonly Json[])[index] ?? null)
        : ((value as { readonly [key: string]: Json })[name] ?? null);
    return Object.fromEntries(type.fields.map(({ name, type: of }, index) => [name, fromServiceJson(fieldOf(name, index), of)]));
  }
  if (typeof value === 'string') return fromText(value, type);
  if (type.kind === 'decimal') return scaled(String(value), type.scale);
  return plainJson(value);
}

function mapOf(value: Json, key: ColumnType, of: ColumnType): JsonValue {
  const entries = Object.entries(value as { readonly [key: string]: Json }).map(
    ([name, each]) => [fromText(name, key), fromServiceJson(each, of)] as const,
  );
  if (key.kind === 'plain' && /^(?:varchar|char)/.test(key.base))
    return Object.fromEntries(entries) as { [key: string]: JsonValue };
  return entries.map(([name, each]) => ({ key: name, value: each }));
}

/** From text alone, as Athena gives it; bytes as base64. */
export function fromText(text: string, type: ColumnType): JsonValue {
  if (type.kind !== 'plain') return text; // decimals too: every digit stays
  const { base } = type;
  if (WHOLE.has(base)) return wholeOf(text);
  if (base === 'double' || base === 'real' || base === 'float') {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  }
  if (base === 'boolean') return text === 'true';
  if (base === 'timestamp' || base === 'time') return sixDigits(text);
  if (base === 'timestamp with time zone') return inUtc(text);
  return text;
}

function wholeOf(text: string): JsonValue {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

function plainJson(value: Json): JsonValue {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map((each: Json) => plainJson(each));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plainJson(each)]));
  return value;
}

function scaled(text: string, scale: number): string {
  const [whole = '', fraction = ''] = text.split('.');
  return scale === 0 ? whole : `${whole}.${fraction.padEnd(scale, '0')}`;
}

/** `.000` is no fraction, `.5` is `.500000`: a fraction is written with all six digits or not at all. */
const sixDigits = (text: string): string => {
  const [whole = '', fraction = ''] = text.trim().split('.');
  return /^0*$/.test(fraction) ? whole : `${whole}.${fraction.slice(0, 6).padEnd(6, '0')}`;
};

/** `2017-10-02 10:56:33.000 +02:00` → `2017-10-02 08:56:33+00`; a zone that only a name tells stays as written. */
function inUtc(text: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))? ?(UTC|Z|([+-])(\d\d):(\d\d))$/.exec(text.trim());
  if (!match) return text;
  const [, day = '', time = '', fraction = '', , sign, hours = '0', minutes = '0'] = match;
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
  const utc = new Date(Date.parse(`${day}T${time}Z`) - offsetMs).toISOString();
  return `${sixDigits(`${utc.slice(0, 10)} ${utc.slice(11, 19)}${fraction === '' ? '' : `.${fraction}`}`)}+00`;
}

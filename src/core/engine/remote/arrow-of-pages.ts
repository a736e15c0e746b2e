/**
 * Rows of a service as Arrow's columns: whole numbers, floats, decimals, booleans, text, bytes, dates, timestamps (µs), lists, rows and
 * maps keep their type, the rest is text. No digit of a decimal and no microsecond passes through a JavaScript number.
 */
import {
  Binary,
  type DataType,
  DateDay,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import { type ArrowColumn, booleans, decimals, lists, longs, maps, numbers, structs, variable } from '../arrow-column.js';
import type { ArrowBatch } from '../arrow-parts.js';
import type { JsonValue } from '../sql-engine.js';
import type { ColumnType } from '../statement/column-type.js';
import type { RemoteColumn } from './remote-service.js';

/** Rows of one record batch at most: pages of a service may be of any size. */
const BATCH_ROWS = 2048;

type Column = ArrowColumn<JsonValue>;

/** Column types, and batches of up to 2,048 rows as the pages come; `maxRows` cuts them. */
export function arrowOfPages(
  given: readonly RemoteColumn[],
  pages: AsyncIterable<readonly (readonly JsonValue[])[]>,
  maxRows: number,
): {
  readonly columns: readonly { readonly name: string; readonly type: DataType }[];
  readonly batches: AsyncIterable<ArrowBatch>;
} {
  const columns = given.map(({ name, type }) => ({ name, ...columnFor(type) }));
  const batches = async function* (): AsyncGenerator<ArrowBatch> {
    let left = maxRows;
    for await (const page of pages) {
      for (let from = 0; from < page.length && left > 0; from += BATCH_ROWS) {
        const rows = page.slice(from, from + Math.min(BATCH_ROWS, left));
        left -= rows.length;
        yield { length: rows.length, children: columns.map((column, n) => column.build(rows.map((row) => row[n] ?? null))) };
      }
      if (left <= 0) return;
    }
  };
  return { columns, batches: batches() };
}

function columnFor(type: ColumnType): Column {
  if (type.kind === 'decimal') return decimals(type.precision, type.scale, (value) => BigInt(String(value).replace('.', '')));
  if (type.kind === 'array') return lists(columnFor(type.element), itemsOf);
  if (type.kind === 'row') {
    const fields = type.fields.map(({ name, type: of }) => ({ name, column: columnFor(of) }));
    return structs(fields, (value, name) => fieldsOf(value)[name] ?? null);
  }
  if (type.kind === 'map') return maps(columnFor(type.key), columnFor(type.value), entriesOf);
  return PLAIN[type.base] ?? texts;
}

const textOf = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));
const texts: Column = variable(new Utf8(), (value) => Buffer.from(textOf(value), 'utf8'));

const itemsOf = (value: JsonValue): readonly JsonValue[] => (Array.isArray(value) ? (value as readonly JsonValue[]) : []);
const fieldsOf = (value: JsonValue): Readonly<Record<string, JsonValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, JsonValue>>) : {};
/** A map with text keys comes as an object, any other as a list of `{key, value}`. */
const entriesOf = (value: JsonValue): readonly { readonly key: JsonValue; readonly value: JsonValue }[] =>
  Array.isArray(value)
    ? itemsOf(value).map((each) => ({ key: fieldsOf(each)['key'] ?? null, value: fieldsOf(each)['value'] ?? null }))
    : Object.entries(fieldsOf(value)).map(([key, of]) => ({ key, value: of }));

const DAY_MS = 86_400_000;
const microsOf = (value: JsonValue): bigint => {
  const [whole = '', fraction = ''] = String(value).replace(/\+00$/, '').split('.');
  const micros = BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  return BigInt(Date.parse(`${whole.replace(' ', 'T')}Z`)) * 1000n + micros;
};

const doubles: Column = numbers(new Float64(), Float64Array);
const whole: Column = numbers(new Int32(), Int32Array);
const PLAIN: Readonly<Record<string, Column>> = {
  tinyint: numbers(new Int8(), Int8Array),
  smallint: numbers(new Int16(), Int16Array),
  integer: whole,
  int: whole,
  bigint: longs(new Int64(), BigInt64Array, (value) => BigInt(String(value))),
  real: numbers(new Float32(), Float32Array),
  float: numbers(new Float32(), Float32Array),
  double: doubles,
  boolean: booleans(),
  varbinary: variable(new Binary(), (value) => Buffer.from(String(value), 'base64')),
  date: numbers(new DateDay(), Int32Array, (value) => Date.parse(`${String(value)}T00:00:00Z`) / DAY_MS),
  timestamp: longs(new TimestampMicrosecond(), BigInt64Array, microsOf),
  'timestamp with time zone': longs(new TimestampMicrosecond('UTC'), BigInt64Array, microsOf),
};

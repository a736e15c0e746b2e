/**
 * Rows of a service as Arrow's columns: whole numbers, floats, decimals, booleans, text, bytes, dates, timestamps (µs), lists, rows and
 * maps keep their type, the rest is text. No digit of a decimal and no microsecond passes through a JavaScript number.
 */
import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  Map_,
  makeData,
  Struct,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import { KeystoneError } from '../../errors.js';
import type { ArrowBatch } from '../arrow-parts.js';
import type { JsonValue } from '../sql-engine.js';
import type { ColumnType } from '../statement/column-type.js';
import type { RemoteColumn } from './remote-service.js';

/** Rows of one record batch at most: pages of a service may be of any size. */
const BATCH_ROWS = 2048;

interface Column {
  readonly type: DataType;
  readonly build: (values: readonly JsonValue[]) => Data;
}

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
  if (type.kind === 'decimal') return decimals(type.precision, type.scale);
  if (type.kind === 'array') return lists(columnFor(type.element));
  if (type.kind === 'row') return structs(type.fields.map(({ name, type: of }) => ({ name, column: columnFor(of) })));
  if (type.kind === 'map') return maps(columnFor(type.key), columnFor(type.value));
  return PLAIN[type.base] ?? texts;
}

/** Bit n is set where value n is not null. */
function validityOf(values: readonly JsonValue[]): { length: number; nullCount: number; nullBitmap: Uint8Array } {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  let nullCount = 0;
  for (const [n, value] of values.entries()) {
    if (value === null) nullCount += 1;
    else nullBitmap[n >> 3] = (nullBitmap[n >> 3] ?? 0) | (1 << (n & 7));
  }
  return { length: values.length, nullCount, nullBitmap };
}

type NumberArray = Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

const numbers = (
  type: DataType,
  arrayOf: new (length: number) => NumberArray,
  numberOf: (value: JsonValue) => number = Number,
): Column => ({
  type,
  build: (values) => {
    const data = new arrayOf(values.length);
    for (const [n, value] of values.entries()) if (value !== null) data[n] = numberOf(value);
    return makeData({ type, ...validityOf(values), data } as never);
  },
});

const longs = (type: DataType, longOf: (value: JsonValue) => bigint): Column => ({
  type,
  build: (values) => {
    const data = new BigInt64Array(values.length);
    for (const [n, value] of values.entries()) if (value !== null) data[n] = longOf(value);
    return makeData({ type, ...validityOf(values), data } as never);
  },
});

const booleans: Column = {
  type: new Bool(),
  build: (values) => {
    const data = validityOf(values.map((value) => (value === true ? true : null))).nullBitmap;
    return makeData({ type: new Bool(), ...validityOf(values), data });
  },
};

/** Two's complement of 128 bits, the lower half first. */
function decimals(precision: number, scale: number): Column {
  const type = new Decimal(scale, precision, 128);
  return {
    type,
    build: (values) => {
      const halves = new BigUint64Array(values.length * 2);
      for (const [n, value] of values.entries()) {
        if (value === null) continue;
        const unscaled = BigInt(String(value).replace('.', ''));
        halves[n * 2] = BigInt.asUintN(64, unscaled);
        halves[n * 2 + 1] = BigInt.asUintN(64, unscaled >> 64n);
      }
      return makeData({ type, ...validityOf(values), data: new Uint32Array(halves.buffer) });
    },
  };
}

const variable = (type: Utf8 | Binary, bytesOf: (value: JsonValue) => Uint8Array): Column => ({
  type,
  build: (values) => {
    const parts = values.map((value) => (value === null ? null : bytesOf(value)));
    const valueOffsets = offsetsOf(parts.map((part) => part?.length ?? 0));
    const data = new Uint8Array(valueOffsets.at(-1) ?? 0);
    for (const [n, part] of parts.entries()) if (part) data.set(part, valueOffsets[n]);
    return makeData({ type, ...validityOf(values), valueOffsets, data } as never);
  },
});

/** Arrow's offsets of 32 bits end at 2 GiB for one batch. */
function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  let end = 0;
  for (const [n, length] of lengths.entries()) {
    end += length;
    if (end > 0x7fff_ffff) {
      throw new KeystoneError('KS_ENGINE', `${lengths.length} rows of the result hold more than 2 GiB in one column`, {
        hint: 'ask for a part of the column, e.g. substr(x, 1, 1000)',
      });
    }
    offsets[n + 1] = end;
  }
  return offsets;
}

const textOf = (value: JsonValue): string => (typeof value === 'string' ? value : JSON.stringify(value));
const texts = variable(new Utf8(), (value) => Buffer.from(textOf(value), 'utf8'));

const itemsOf = (value: JsonValue): readonly JsonValue[] => (Array.isArray(value) ? (value as readonly JsonValue[]) : []);
const entriesOf = (value: JsonValue): Readonly<Record<string, JsonValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Readonly<Record<string, JsonValue>>) : {};

function lists(item: Column): Column {
  const type = new List(new Field('item', item.type, true));
  return {
    type,
    build: (values) => {
      const items = values.map(itemsOf);
      const valueOffsets = offsetsOf(items.map((each) => each.length));
      return makeData({ type, ...validityOf(values), valueOffsets, child: item.build(items.flatMap((each) => [...each])) });
    },
  };
}

function structs(fields: readonly { readonly name: string; readonly column: Column }[]): Column {
  const type = new Struct(fields.map(({ name, column }) => new Field(name, column.type, true)));
  return {
    type,
    build: (values) => {
      const children = fields.map(({ name, column }) => column.build(values.map((value) => entriesOf(value)[name] ?? null)));
      return makeData({ type, ...validityOf(values), children });
    },
  };
}

/** A map with text keys comes as an object, any other as a list of `{key, value}`. */
function maps(key: Column, item: Column): Column {
  const entry = new Struct<{ key: DataType; value: DataType }>([
    new Field('key', key.type, false),
    new Field('value', item.type, true),
  ]);
  const type = new Map_(new Field('entries', entry, false));
  return {
    type,
    build: (values) => {
      const pairs = values.map((value): readonly (readonly [JsonValue, JsonValue])[] =>
        Array.isArray(value)
          ? itemsOf(value).map((each) => [entriesOf(each)['key'] ?? null, entriesOf(each)['value'] ?? null] as const)
          : Object.entries(entriesOf(value)),
      );
      const all = pairs.flat();
      const children = [key.build(all.map(([each]) => each)), item.build(all.map(([, each]) => each))];
      const child = makeData({ type: entry, length: all.length, nullCount: 0, children });
      const valueOffsets = offsetsOf(pairs.map((each) => each.length));
      return makeData({ type, ...validityOf(values), valueOffsets, child } as never);
    },
  };
}

const DAY_MS = 86_400_000;
const microsOf = (value: JsonValue): bigint => {
  const [whole = '', fraction = ''] = String(value).replace(/\+00$/, '').split('.');
  const micros = BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  return BigInt(Date.parse(`${whole.replace(' ', 'T')}Z`)) * 1000n + micros;
};

const doubles = numbers(new Float64(), Float64Array);
const whole = numbers(new Int32(), Int32Array);
const PLAIN: Readonly<Record<string, Column>> = {
  tinyint: numbers(new Int8(), Int8Array),
  smallint: numbers(new Int16(), Int16Array),
  integer: whole,
  int: whole,
  bigint: longs(new Int64(), (value) => BigInt(String(value))),
  real: numbers(new Float32(), Float32Array),
  float: numbers(new Float32(), Float32Array),
  double: doubles,
  boolean: booleans,
  varbinary: variable(new Binary(), (value) => Buffer.from(String(value), 'base64')),
  date: numbers(new DateDay(), Int32Array, (value) => Date.parse(`${String(value)}T00:00:00Z`) / DAY_MS),
  timestamp: longs(new TimestampMicrosecond(), microsOf),
  'timestamp with time zone': longs(new TimestampMicrosecond('UTC'), microsOf),
};

/**
 * DuckDB's types and values as Arrow's (https://arrow.apache.org/docs/format/Columnar.html). Columns are built from flat buffers: no
 * digit of a decimal and no microsecond passes through a JavaScript number.
 */
import {
  DuckDBArrayType,
  DuckDBArrayValue,
  type DuckDBBlobValue,
  type DuckDBDateValue,
  DuckDBDecimalType,
  DuckDBDecimalValue,
  DuckDBListType,
  DuckDBListValue,
  DuckDBMapType,
  DuckDBMapValue,
  DuckDBStructType,
  DuckDBStructValue,
  type DuckDBTimeValue,
  type DuckDBTimestampMillisecondsValue,
  type DuckDBTimestampNanosecondsValue,
  type DuckDBTimestampSecondsValue,
  type DuckDBTimestampTZValue,
  type DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
} from '@duckdb/node-api';
import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  Decimal,
  Field,
  FixedSizeList,
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
  TimeMicrosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  Utf8,
} from 'apache-arrow';
import { KeystoneError } from '../../errors.js';

/** One column: its Arrow type, and the Arrow data of a batch of its values. */
export interface ArrowColumn {
  readonly type: DataType;
  readonly build: (values: readonly DuckDBValue[]) => Data;
}

/**
 * Whole numbers, floats, decimals, booleans, text, bytes, dates, times, timestamps (µs, or as declared; with a zone in UTC), lists, arrays, structs and maps keep
 * their type; HUGEINT is decimal(38,0), since Arrow has no whole number of that size. The rest (interval, uuid, bit, …) is text.
 */
export function arrowColumn(type: DuckDBType): ArrowColumn {
  const flat = FLAT.get(type.typeId);
  if (flat) return flat;
  if (type instanceof DuckDBDecimalType) return decimals(type.width, type.scale);
  if (type instanceof DuckDBListType) return lists(arrowColumn(type.valueType));
  if (type instanceof DuckDBArrayType) return arrays(arrowColumn(type.valueType), type.length);
  if (type instanceof DuckDBStructType) return structs(type.entryNames, type.entryTypes.map(arrowColumn));
  if (type instanceof DuckDBMapType) return maps(arrowColumn(type.keyType), arrowColumn(type.valueType));
  return texts;
}

interface Validity {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array;
}

/** Bit n is set where value n is not null. */
function validityOf(values: readonly DuckDBValue[]): Validity {
  const nullBitmap = new Uint8Array(Math.ceil(values.length / 8));
  let nullCount = 0;
  for (const [index, value] of values.entries()) {
    if (value === null) nullCount += 1;
    else setBit(nullBitmap, index);
  }
  return { length: values.length, nullCount, nullBitmap };
}

function setBit(bitmap: Uint8Array, index: number): void {
  bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7));
}

type NumberArray = Int8Array | Int16Array | Int32Array | Uint8Array | Uint16Array | Uint32Array | Float32Array | Float64Array;

const numbers = (
  type: DataType,
  arrayOf: new (length: number) => NumberArray,
  numberOf: (value: DuckDBValue) => number = Number,
): ArrowColumn => ({
  type,
  build: (values) => {
    const data = new arrayOf(values.length);
    for (const [index, value] of values.entries()) if (value !== null) data[index] = numberOf(value);
    return makeData({ type, ...validityOf(values), data } as never);
  },
});

const longs = (
  type: DataType,
  arrayOf: new (length: number) => BigInt64Array | BigUint64Array,
  longOf: (value: DuckDBValue) => bigint,
): ArrowColumn => ({
  type,
  build: (values) => {
    const data = new arrayOf(values.length);
    for (const [index, value] of values.entries()) if (value !== null) data[index] = longOf(value);
    return makeData({ type, ...validityOf(values), data } as never);
  },
});

const booleans: ArrowColumn = {
  type: new Bool(),
  build: (values) => {
    const data = new Uint8Array(Math.ceil(values.length / 8));
    for (const [index, value] of values.entries()) if (value === true) setBit(data, index);
    return makeData({ type: new Bool(), ...validityOf(values), data });
  },
};

/** The largest number of 38 digits, as many as a decimal of 128 bits promises. */
const MOST_DIGITS = 10n ** 38n - 1n;

/** Two's complement of 128 bits, the lower half first. */
function decimals(precision: number, scale: number): ArrowColumn {
  const type = new Decimal(scale, precision, 128);
  return {
    type,
    build: (values) => {
      const halves = new BigUint64Array(values.length * 2);
      for (const [index, value] of values.entries()) {
        if (value === null) continue;
        const unscaled = value instanceof DuckDBDecimalValue ? value.value : (value as bigint);
        if (unscaled > MOST_DIGITS || unscaled < -MOST_DIGITS) {
          throw new KeystoneError('KS_SQL', `${unscaled} has more digits than the 38 of Arrow's decimals`, {
            hint: 'cast the column in the SQL: CAST(x AS VARCHAR) or CAST(x AS DOUBLE)',
          });
        }
        halves[index * 2] = BigInt.asUintN(64, unscaled);
        halves[index * 2 + 1] = BigInt.asUintN(64, unscaled >> 64n);
      }
      return makeData({ type, ...validityOf(values), data: new Uint32Array(halves.buffer) });
    },
  };
}

/** Offsets, and the bytes one after the other. */
const variable = (type: Utf8 | Binary, bytesOf: (value: DuckDBValue) => Uint8Array): ArrowColumn => ({
  type,
  build: (values) => {
    const parts = values.map((value) => (value === null ? null : bytesOf(value)));
    const valueOffsets = offsetsOf(parts.map((part) => part?.length ?? 0));
    const data = new Uint8Array(valueOffsets.at(-1) ?? 0);
    for (const [index, part] of parts.entries()) if (part) data.set(part, valueOffsets[index]);
    return makeData({ type, ...validityOf(values), valueOffsets, data } as never);
  },
});

/** Arrow's offsets of 32 bits end at 2 GiB for one batch. */
function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  let end = 0;
  for (const [index, length] of lengths.entries()) {
    end += length;
    if (end > 0x7fff_ffff) {
      throw new KeystoneError('KS_ENGINE', `${lengths.length} rows of the result hold more than 2 GiB in one column`, {
        hint: 'ask for a part of the column, e.g. substr(x, 1, 1000)',
      });
    }
    offsets[index + 1] = end;
  }
  return offsets;
}

const texts = variable(new Utf8(), (value) => Buffer.from(String(value), 'utf8'));

function lists(item: ArrowColumn): ArrowColumn {
  const type = new List(new Field('item', item.type, true));
  return {
    type,
    build: (values) => {
      const items = values.map((value) => (value instanceof DuckDBListValue ? value.items : []));
      const valueOffsets = offsetsOf(items.map((each) => each.length));
      return makeData({ type, ...validityOf(values), valueOffsets, child: item.build(items.flat()) });
    },
  };
}

function arrays(item: ArrowColumn, size: number): ArrowColumn {
  const type = new FixedSizeList(size, new Field('item', item.type, true));
  const empty = Array.from({ length: size }, () => null);
  return {
    type,
    build: (values) => {
      const items = values.flatMap((value) => (value instanceof DuckDBArrayValue ? value.items : empty));
      return makeData({ type, ...validityOf(values), child: item.build(items) });
    },
  };
}

function structs(names: readonly string[], columns: readonly ArrowColumn[]): ArrowColumn {
  const type = new Struct(names.map((name, index) => new Field(name, (columns[index] as ArrowColumn).type, true)));
  return {
    type,
    build: (values) => {
      const children = columns.map((column, index) =>
        column.build(
          values.map((value) => (value instanceof DuckDBStructValue ? (value.entries[names[index] ?? ''] ?? null) : null)),
        ),
      );
      return makeData({ type, ...validityOf(values), children });
    },
  };
}

function maps(key: ArrowColumn, item: ArrowColumn): ArrowColumn {
  const entry = new Struct<{ key: DataType; value: DataType }>([
    new Field('key', key.type, false),
    new Field('value', item.type, true),
  ]);
  const type = new Map_(new Field('entries', entry, false));
  return {
    type,
    build: (values) => {
      const entries = values.map((value) => (value instanceof DuckDBMapValue ? value.entries : []));
      const all = entries.flat();
      const children = [key.build(all.map((each) => each.key)), item.build(all.map((each) => each.value))];
      const child = makeData({ type: entry, length: all.length, nullCount: 0, children });
      return makeData({
        type,
        ...validityOf(values),
        valueOffsets: offsetsOf(entries.map((each) => each.length)),
        child,
      } as never);
    },
  };
}

const FLAT: ReadonlyMap<DuckDBTypeId, ArrowColumn> = new Map([
  [DuckDBTypeId.BOOLEAN, booleans],
  [DuckDBTypeId.TINYINT, numbers(new Int8(), Int8Array)],
  [DuckDBTypeId.SMALLINT, numbers(new Int16(), Int16Array)],
  [DuckDBTypeId.INTEGER, numbers(new Int32(), Int32Array)],
  [DuckDBTypeId.UTINYINT, numbers(new Uint8(), Uint8Array)],
  [DuckDBTypeId.USMALLINT, numbers(new Uint16(), Uint16Array)],
  [DuckDBTypeId.UINTEGER, numbers(new Uint32(), Uint32Array)],
  [DuckDBTypeId.BIGINT, longs(new Int64(), BigInt64Array, (value) => value as bigint)],
  [DuckDBTypeId.UBIGINT, longs(new Uint64(), BigUint64Array, (value) => value as bigint)],
  [DuckDBTypeId.HUGEINT, decimals(38, 0)],
  [DuckDBTypeId.UHUGEINT, decimals(38, 0)],
  [DuckDBTypeId.FLOAT, numbers(new Float32(), Float32Array)],
  [DuckDBTypeId.DOUBLE, numbers(new Float64(), Float64Array)],
  [DuckDBTypeId.VARCHAR, texts],
  [DuckDBTypeId.BLOB, variable(new Binary(), (value) => (value as DuckDBBlobValue).bytes)],
  [DuckDBTypeId.DATE, numbers(new DateDay(), Int32Array, (value) => (value as DuckDBDateValue).days)],
  [DuckDBTypeId.TIME, longs(new TimeMicrosecond(), BigInt64Array, (value) => (value as DuckDBTimeValue).micros)],
  [DuckDBTypeId.TIMESTAMP, longs(new TimestampMicrosecond(), BigInt64Array, (value) => (value as DuckDBTimestampValue).micros)],
  [
    DuckDBTypeId.TIMESTAMP_S,
    longs(new TimestampSecond(), BigInt64Array, (value) => (value as DuckDBTimestampSecondsValue).seconds),
  ],
  [
    DuckDBTypeId.TIMESTAMP_MS,
    longs(new TimestampMillisecond(), BigInt64Array, (value) => (value as DuckDBTimestampMillisecondsValue).millis),
  ],
  [
    DuckDBTypeId.TIMESTAMP_NS,
    longs(new TimestampNanosecond(), BigInt64Array, (value) => (value as DuckDBTimestampNanosecondsValue).nanos),
  ],
  [
    DuckDBTypeId.TIMESTAMP_TZ,
    longs(new TimestampMicrosecond('UTC'), BigInt64Array, (value) => (value as DuckDBTimestampTZValue).micros),
  ],
]);

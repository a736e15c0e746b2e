/** DuckDB's types and values as Arrow's columns. */
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
  DateDay,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
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
import { type ArrowColumn, arrays, booleans, decimals, lists, longs, maps, numbers, structs, variable } from '../arrow-column.js';

type Column = ArrowColumn<DuckDBValue>;

/**
 * Whole numbers, floats, decimals, booleans, text, bytes, dates, times, timestamps (µs, or as declared; with a zone in UTC), lists, arrays, structs and maps keep
 * their type; HUGEINT is decimal(38,0), since Arrow has no whole number of that size. The rest (interval, uuid, bit, …) is text.
 */
export function arrowOfDuckDB(type: DuckDBType): Column {
  const flat = FLAT.get(type.typeId);
  if (flat) return flat;
  if (type instanceof DuckDBDecimalType) return decimals(type.width, type.scale, unscaledOf);
  if (type instanceof DuckDBListType) {
    return lists(arrowOfDuckDB(type.valueType), (value) => (value instanceof DuckDBListValue ? value.items : []));
  }
  if (type instanceof DuckDBArrayType) {
    const empty = Array.from({ length: type.length }, () => null);
    return arrays(arrowOfDuckDB(type.valueType), type.length, (value) =>
      value instanceof DuckDBArrayValue ? value.items : empty,
    );
  }
  if (type instanceof DuckDBStructType) {
    const { entryNames, entryTypes } = type;
    const fields = entryTypes.map((of, index) => ({ name: entryNames[index] ?? '', column: arrowOfDuckDB(of) }));
    return structs(fields, (value, name) => (value instanceof DuckDBStructValue ? (value.entries[name] ?? null) : null));
  }
  if (type instanceof DuckDBMapType) {
    const [key, item] = [arrowOfDuckDB(type.keyType), arrowOfDuckDB(type.valueType)];
    return maps(key, item, (value) => (value instanceof DuckDBMapValue ? value.entries : []));
  }
  return texts;
}

const unscaledOf = (value: DuckDBValue): bigint => (value instanceof DuckDBDecimalValue ? value.value : (value as bigint));
const texts: Column = variable(new Utf8(), (value) => Buffer.from(String(value), 'utf8'));

const FLAT: ReadonlyMap<DuckDBTypeId, Column> = new Map<DuckDBTypeId, Column>([
  [DuckDBTypeId.BOOLEAN, booleans()],
  [DuckDBTypeId.TINYINT, numbers(new Int8(), Int8Array)],
  [DuckDBTypeId.SMALLINT, numbers(new Int16(), Int16Array)],
  [DuckDBTypeId.INTEGER, numbers(new Int32(), Int32Array)],
  [DuckDBTypeId.UTINYINT, numbers(new Uint8(), Uint8Array)],
  [DuckDBTypeId.USMALLINT, numbers(new Uint16(), Uint16Array)],
  [DuckDBTypeId.UINTEGER, numbers(new Uint32(), Uint32Array)],
  [DuckDBTypeId.BIGINT, longs(new Int64(), BigInt64Array, (value) => value as bigint)],
  [DuckDBTypeId.UBIGINT, longs(new Uint64(), BigUint64Array, (value) => value as bigint)],
  [DuckDBTypeId.HUGEINT, decimals(38, 0, unscaledOf)],
  [DuckDBTypeId.UHUGEINT, decimals(38, 0, unscaledOf)],
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

/**
 * Bronze rows as one Arrow record batch. Columns are built from flat buffers instead of Arrow's builders: payload bytes are copied
 * once, and timestamps stay microseconds (Arrow's timestamp builder takes milliseconds).
 */
import {
  Binary,
  type Data,
  Field,
  Int32,
  Int64,
  List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  Utf8,
} from 'apache-arrow';
import type { LogHeader } from '../log/event-log.js';
import type { BronzeRecord } from './bronze-record.js';

/** parquet-wasm turns this field metadata into the Parquet field id, nested fields included. */
const fieldId = (id: number): Map<string, string> => new Map([['PARQUET:field_id', String(id)]]);

const HEADER_STRUCT = new Struct<{ key: Utf8; value: Binary }>([
  new Field('key', new Utf8(), false, fieldId(12)),
  new Field('value', new Binary(), false, fieldId(13)),
]);
const HEADER_LIST = new List(new Field('element', HEADER_STRUCT, true, fieldId(11)));

const SCHEMA = new Schema([
  new Field('topic', new Utf8(), false, fieldId(1)),
  new Field('kafka_partition', new Int32(), false, fieldId(2)),
  new Field('kafka_offset', new Int64(), false, fieldId(3)),
  new Field('log_time', new TimestampMicrosecond(), false, fieldId(4)),
  new Field('ingested_at', new TimestampMicrosecond(), false, fieldId(5)),
  new Field('event_id', new Utf8(), false, fieldId(6)),
  new Field('dataset', new Utf8(), false, fieldId(7)),
  new Field('source', new Utf8(), true, fieldId(8)),
  new Field('key', new Binary(), true, fieldId(9)),
  new Field('headers', HEADER_LIST, false, fieldId(10)),
  new Field('payload', new Binary(), true, fieldId(14)),
]);

interface VariableColumn {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
  readonly validity: Uint8Array;
  readonly nullCount: number;
}

/** Below this many bytes a loop copies faster than `set`, whose call costs more than the copy. */
const SHORT = 24;

/** Arrow's variable-size layout: offsets, the bytes one after the other, a validity bitmap. `valueAt` is asked twice. */
function packBytes(length: number, valueAt: (row: number) => Uint8Array | null): VariableColumn {
  const offsets = new Int32Array(length + 1);
  const validity = new Uint8Array((length + 7) >> 3);
  let total = 0;
  let nullCount = 0;
  for (let row = 0; row < length; row++) {
    const value = valueAt(row);
    if (value === null) nullCount++;
    else {
      total += value.length;
      validity[row >> 3] = (validity[row >> 3] as number) | (1 << (row & 7));
    }
    offsets[row + 1] = total;
  }
  const bytes = new Uint8Array(total);
  for (let row = 0; row < length; row++) {
    const value = valueAt(row);
    if (value === null) continue;
    const start = offsets[row] as number;
    if (value.length < SHORT) for (let at = 0; at < value.length; at++) bytes[start + at] = value[at] as number;
    else bytes.set(value, start);
  }
  return { offsets, bytes, validity, nullCount };
}

const encoder = new TextEncoder();

function binaryData(length: number, valueAt: (row: number) => Uint8Array | null): Data<Binary> {
  const { offsets, bytes, validity, nullCount } = packBytes(length, valueAt);
  return makeData({
    type: new Binary(),
    length,
    nullCount,
    valueOffsets: offsets,
    data: bytes,
    nullBitmap: nullCount > 0 ? validity : null,
  });
}

/** Texts that mostly repeat the one before them. */
function textData(length: number, valueAt: (row: number) => string | null): Data<Utf8> {
  let last: string | null = null;
  let lastBytes: Uint8Array | null = null;
  return utf8Data(length, (row) => {
    const value = valueAt(row);
    if (value !== last) lastBytes = value === null ? null : encoder.encode(value);
    last = value;
    return lastBytes;
  });
}

/** Texts that are UTF-8 already. */
function utf8Data(length: number, valueAt: (row: number) => Uint8Array | null): Data<Utf8> {
  const { offsets, bytes, validity, nullCount } = packBytes(length, valueAt);
  return makeData({
    type: new Utf8(),
    length,
    nullCount,
    valueOffsets: offsets,
    data: bytes,
    nullBitmap: nullCount > 0 ? validity : null,
  });
}

function longs(rows: readonly BronzeRecord[], valueOf: (row: BronzeRecord) => number): BigInt64Array {
  const out = new BigInt64Array(rows.length);
  for (let row = 0; row < rows.length; row++) out[row] = BigInt(valueOf(rows[row] as BronzeRecord));
  return out;
}

/** `rows` of one topic-partition, in offset order; `ingestedAtUs` in microseconds since the epoch. */
export function bronzeArrowTable(rows: readonly BronzeRecord[], ingestedAtUs: number): Table {
  const length = rows.length;
  const row = (index: number): BronzeRecord => rows[index] as BronzeRecord;
  const headers: LogHeader[] = [];
  const headerOffsets = new Int32Array(length + 1);
  for (let index = 0; index < length; index++) {
    for (const header of row(index).headers) headers.push(header);
    headerOffsets[index + 1] = headers.length;
  }
  const headerData = makeData({
    type: HEADER_STRUCT,
    length: headers.length,
    nullCount: 0,
    children: [
      textData(headers.length, (index) => headers[index]?.key ?? ''),
      binaryData(headers.length, (index) => headers[index]?.value ?? new Uint8Array()),
    ],
  });
  const children: Data[] = [
    textData(length, (index) => row(index).topic),
    makeData({ type: new Int32(), length, data: Int32Array.from(rows, (one) => one.partition) }),
    makeData({ type: new Int64(), length, data: longs(rows, (one) => one.offset) }),
    makeData({ type: new TimestampMicrosecond(), length, data: longs(rows, (one) => one.timestampUs) }),
    makeData({ type: new TimestampMicrosecond(), length, data: new BigInt64Array(length).fill(BigInt(ingestedAtUs)) }),
    utf8Data(length, (index) => row(index).eventId),
    textData(length, (index) => row(index).dataset),
    textData(length, (index) => row(index).source),
    binaryData(length, (index) => row(index).key),
    makeData({ type: HEADER_LIST, length, nullCount: 0, valueOffsets: headerOffsets, child: headerData }),
    binaryData(length, (index) => row(index).payload),
  ];
  return new Table(
    SCHEMA,
    new RecordBatch(SCHEMA, makeData({ type: new Struct(SCHEMA.fields), length, nullCount: 0, children })),
  );
}

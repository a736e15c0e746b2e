/** The rows of a query as an Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format). */
import type { DuckDBValue } from '@duckdb/node-api';
import { Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from 'apache-arrow';
import { arrowColumn } from './arrow-column.js';
import type { ChunkStream } from './chunk-stream.js';

/** What ends a stream: a continuation marker and no length. */
const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/**
 * What ends a stream that could not be finished: the length of a message that does not follow. Readers take a stream that merely stops
 * between two messages for a whole one; this one they refuse.
 */
export const BROKEN_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 4, 0, 0);

export interface ArrowPart {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

/**
 * The stream in parts: the schema, one record batch for each chunk of the engine (up to 2,048 rows), the end. Nothing is read ahead:
 * whoever takes the parts slowly holds one of them. `maxRows` cuts the result; its end comes only after all of it. Throws as `next` does.
 */
export async function* arrowStream({ result, next }: ChunkStream, maxRows: number): AsyncGenerator<ArrowPart> {
  const columns = result.deduplicatedColumnNames().map((name, index) => {
    const column = arrowColumn(result.columnType(index));
    return { ...column, field: new Field(name, column.type, true) };
  });
  const schema = new Schema(columns.map(({ field }) => field));
  const type = new Struct(columns.map(({ field }) => field));
  const encode = (batch: RecordBatch | null): Uint8Array => {
    const writer = new RecordBatchStreamWriter();
    writer.reset(undefined, schema);
    if (batch) writer.write(batch);
    return writer.finish().toUint8Array(true);
  };
  // The library's writer reads its source as fast as it can, whoever reads it: each batch is written by a writer of its own, and what
  // every one of them begins and ends with is cut off.
  const empty = encode(null);
  const head = empty.subarray(0, empty.length - END_OF_STREAM.length);
  yield { bytes: head, rows: 0 };
  let left = maxRows;
  while (left > 0) {
    const chunk = await next();
    if (!chunk) break;
    const length = Math.min(left, chunk.rowCount);
    const valuesOf = (index: number): readonly DuckDBValue[] => chunk.getColumnValues(index).slice(0, length);
    const children = columns.map((column, index) => column.build(valuesOf(index)));
    const batch = new RecordBatch(schema, makeData({ type, length, nullCount: 0, children }));
    const bytes = encode(batch);
    yield { bytes: bytes.subarray(head.length, bytes.length - END_OF_STREAM.length), rows: length };
    left -= length;
  }
  yield { bytes: END_OF_STREAM, rows: 0 };
}

/** Record batches as an Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format), part after part. */
import { type Data, type DataType, Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from 'apache-arrow';

/** What ends a stream: a continuation marker and no length. */
const END_OF_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);

/**
 * What ends a stream that could not be finished: the length of a message that does not follow. Readers take a stream that merely stops
 * between two messages for a whole one; this one they refuse.
 */
const BROKEN_STREAM = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 4, 0, 0);

export interface ArrowPart {
  readonly bytes: Uint8Array;
  readonly rows: number;
}

export interface ArrowBatch {
  readonly length: number;
  /** In the order of the columns. */
  readonly children: readonly Data[];
}

/** The stream in parts: the schema, one record batch for each of `batches`, the end. Nothing is read ahead. Throws as `batches` does. */
export async function* arrowParts(
  columns: readonly { readonly name: string; readonly type: DataType }[],
  batches: AsyncIterable<ArrowBatch>,
): AsyncGenerator<ArrowPart> {
  const fields = columns.map(({ name, type }) => new Field(name, type, true));
  const schema = new Schema(fields);
  const type = new Struct(fields);
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
  for await (const { length, children } of batches) {
    const bytes = encode(new RecordBatch(schema, makeData({ type, length, nullCount: 0, children: [...children] })));
    yield { bytes: bytes.subarray(head.length, bytes.length - END_OF_STREAM.length), rows: length };
  }
  yield { bytes: END_OF_STREAM, rows: 0 };
}

/**
 * Hands the parts to `write`, each once the one before is taken. One that fails half-way is ended by what readers refuse, unless the
 * reader itself is the one that failed.
 */
export async function writeArrowParts(
  parts: AsyncIterable<ArrowPart>,
  write: (part: Uint8Array) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<{ readonly rows: number; readonly bytes: number }> {
  let [rows, bytes] = [0, 0];
  let readerFailed = false;
  try {
    for await (const part of parts) {
      bytes += part.bytes.length;
      readerFailed = true;
      await write(part.bytes);
      readerFailed = false;
      rows += part.rows;
    }
  } catch (error) {
    const readable = !readerFailed || signal?.aborted === true;
    // A failure of this write would hide the one that counts.
    if (bytes > 0 && readable) await write(BROKEN_STREAM).catch(() => undefined);
    throw error;
  }
  return { rows, bytes };
}

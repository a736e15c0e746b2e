/** Rows of a query as they come, chunk by chunk, in plain values: what is larger than memory is read this way. */
import { DuckDBBlobValue, DuckDBListValue, DuckDBStructValue, DuckDBTimestampValue, type DuckDBValue } from '@duckdb/node-api';
import { KeystoneError, messageOf } from '../../errors.js';
import { openChunkStream } from './chunk-stream.js';
import { damagedFile } from './damaged-file.js';
import type { DuckSession } from './duck-session.js';

/** BIGINT as bigint, BLOB as bytes, TIMESTAMP as microseconds since the epoch (bigint), lists as arrays, structs as objects. */
export type PlainValue =
  | null
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | readonly PlainValue[]
  | { readonly [field: string]: PlainValue };

export type PlainRow = readonly PlainValue[];

/**
 * Yields chunks of up to 2,048 rows. A session streams one result at a time: whoever stops early, or runs other SQL in between, gets
 * no more of this one.
 * @throws KeystoneError KS_TABLE_CORRUPT for a damaged data file of a table, else KS_ENGINE.
 */
export async function* streamRows(session: DuckSession, sql: string): AsyncGenerator<readonly PlainRow[]> {
  const failing = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const message = messageOf(error);
      throw (
        damagedFile(message, error) ??
        new KeystoneError('KS_ENGINE', `DuckDB: ${message}`, { cause: error, details: { sql: sql.slice(0, 500) } })
      );
    }
  };
  const stream = await failing(() => openChunkStream(session, sql));
  try {
    for (;;) {
      const chunk = await failing(stream.next);
      if (!chunk) return;
      yield chunk.getRows().map((row) => row.map(plainValue));
    }
  } finally {
    await stream.close();
  }
}

function plainValue(value: DuckDBValue): PlainValue {
  if (value === null || typeof value !== 'object') return value;
  // These are a copy already, not a view of the chunk.
  if (value instanceof DuckDBBlobValue) return value.bytes;
  if (value instanceof DuckDBTimestampValue) return value.micros;
  if (value instanceof DuckDBListValue) return value.items.map(plainValue);
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(Object.entries(value.entries).map(([name, entry]) => [name, plainValue(entry)]));
  return String(value);
}

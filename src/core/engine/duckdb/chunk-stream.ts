/**
 * A result as it comes, chunk by chunk, whole or an error. A statement that fails while it is fetched (a cast in row 250,000, a damaged
 * page) ends in DuckDB's Node client like one that is finished: no chunk, no error. It also spoils the transaction in which it runs, so
 * each stream runs in one of its own, which is asked at the end.
 */
import type { DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import type { DuckSession } from './duck-session.js';

export interface ChunkStream {
  /** Columns and their types. */
  readonly result: DuckDBResult;
  /** null: the result is over, and all of it was seen. Throws DuckDB's error where the statement failed, the reason of an aborted `signal`. */
  next(): Promise<DuckDBDataChunk | null>;
  /** To be called at the end, whatever it was; a stream that is not over is given up. */
  close(): Promise<void>;
}

/** `sql`: one SELECT, DESCRIBE or the like. Throws DuckDB's error. Nothing else may run in the session until it is closed. */
export async function openChunkStream({ connection }: DuckSession, sql: string, signal?: AbortSignal): Promise<ChunkStream> {
  await connection.run('BEGIN TRANSACTION');
  const close = async (): Promise<void> => {
    await connection.run('ROLLBACK').catch(() => undefined); // a failure before may have ended it
  };
  try {
    const result = await connection.stream(sql);
    let rows = 0;
    const next = async (): Promise<DuckDBDataChunk | null> => {
      const chunk = await result.fetchChunk();
      signal?.throwIfAborted(); // an interrupted statement ends like a whole one too
      if (chunk && chunk.rowCount > 0) {
        rows += chunk.rowCount;
        return chunk;
      }
      const whole = await connection.run('SELECT 1').then(
        () => true,
        () => false,
      );
      if (whole) return null;
      await close();
      await reasonOf(connection, sql);
      throw new Error(
        `Execution Error: the statement failed after ${rows} rows, and did not again when its reason was looked for`,
      );
    };
    return { result, next, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Computes everything again and keeps none of it, in one row, whose making throws what the stream kept silent about. */
async function reasonOf(connection: DuckSession['connection'], sql: string): Promise<void> {
  const statement = sql.trim().replace(/(?:\s*;)+$/, '');
  await connection.run(`SELECT bit_xor(hash(failing)) FROM (${statement}\n) AS failing`);
}

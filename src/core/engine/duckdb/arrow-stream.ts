/** The rows of a DuckDB query as an Arrow IPC stream. */
import type { DuckDBValue } from '@duckdb/node-api';
import { type ArrowBatch, type ArrowPart, arrowParts } from '../arrow-parts.js';
import { arrowOfDuckDB } from './arrow-of-duckdb.js';
import type { ChunkStream } from './chunk-stream.js';

/**
 * The stream in parts: the schema, one record batch for each chunk of the engine (up to 2,048 rows), the end. Nothing is read ahead:
 * whoever takes the parts slowly holds one of them. `maxRows` cuts the result; its end comes only after all of it. Throws as `next` does.
 */
export function arrowStream({ result, next }: ChunkStream, maxRows: number): AsyncGenerator<ArrowPart> {
  const columns = result.deduplicatedColumnNames().map((name, index) => ({ name, ...arrowOfDuckDB(result.columnType(index)) }));
  const batches = async function* (): AsyncGenerator<ArrowBatch> {
    let left = maxRows;
    while (left > 0) {
      const chunk = await next();
      if (!chunk) break;
      const length = Math.min(left, chunk.rowCount);
      const valuesOf = (index: number): readonly DuckDBValue[] => chunk.getColumnValues(index).slice(0, length);
      yield { length, children: columns.map((column, index) => column.build(valuesOf(index))) };
      left -= length;
    }
  };
  return arrowParts(columns, batches());
}

/** The total line of a query: what was read, what had been expected, what it cost, and who answered. */
import type { QueryResult } from '../core/engine/sql-engine.js';
import type { LakeAnswer } from '../core/query/ask-lake.js';
import { counted } from './counted.js';

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** `took`, e.g. `0.3 s`. */
export function answerLine(
  rows: number,
  { bytesScanned }: Pick<QueryResult, 'bytesScanned'>,
  { answeredBy, estimatedBytes, cost }: Omit<LakeAnswer, 'result'>,
  took: string,
): string {
  if (answeredBy === 'cache') return `Done. ${counted(rows, 'row')} of a kept answer in ${took}`;
  const expected = estimatedBytes === null ? '' : ` (estimated ${megabytes(estimatedBytes)})`;
  const paid = cost === null || cost.dollars === 0 ? '' : `, billed ${megabytes(cost.billedBytes)}: $${cost.dollars.toFixed(6)}`;
  const by = answeredBy === 'duckdb' ? '' : ` by ${answeredBy}`;
  return `Done. ${counted(rows, 'row')} from ${megabytes(bytesScanned)} of files${expected}${paid}${by} in ${took}`;
}

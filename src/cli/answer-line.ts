/** The total line of a query: what was read, what had been expected, what it cost, and who answered. */
import type { QueryResult } from '../core/engine/sql-engine.js';
import type { LakeAnswer, QuestionEstimate } from '../core/query/ask-lake.js';
import { counted } from './counted.js';
import { sizeText } from './size-text.js';

/** `took`, e.g. `0.3 s`. */
export function answerLine(
  rows: number,
  { bytesScanned }: Pick<QueryResult, 'bytesScanned'>,
  { answeredBy, estimatedBytes, cost }: Omit<LakeAnswer, 'result'>,
  took: string,
): string {
  if (answeredBy === 'cache') return `Done. ${counted(rows, 'row')} of a kept answer in ${took}`;
  const expected = estimatedBytes === null ? '' : ` (estimated ${sizeText(estimatedBytes)})`;
  const paid = cost === null || cost.dollars === 0 ? '' : `, billed ${sizeText(cost.billedBytes)}: $${cost.dollars.toFixed(6)}`;
  const by = answeredBy === 'duckdb' ? '' : ` by ${answeredBy}`;
  return `Done. ${counted(rows, 'row')} from ${sizeText(bytesScanned)} of files${expected}${paid}${by} in ${took}`;
}

/** What is told before a service runs a statement, e.g. `athena is estimated to read 13.6 kB of silver.orders, which costs $0.000050`. */
export function estimateLine({ engine, bytes, tables, dollars }: QuestionEstimate): string {
  const names = [...new Set(tables.map(({ table }) => table))];
  const of = names.length === 0 ? '' : ` of ${names.length > 3 ? counted(names.length, 'table') : names.join(', ')}`;
  return `${engine} is estimated to read ${sizeText(bytes)}${of}${dollars === 0 ? '' : `, which costs $${dollars.toFixed(6)}`}`;
}

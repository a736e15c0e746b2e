/** One question whose answer is streamed as Arrow. Nothing stands in for an engine that is away: half a stream can't be taken back. */
import { recordStatement } from '../cost/statement-record.js';
import type { ArrowSummary } from '../engine/sql-engine.js';
import type { Lakehouse } from '../lakehouse.js';
import type { LakeQuestion } from './ask-lake.js';
import { expectedScan, priced } from './expected-scan.js';

/** @throws KeystoneError KS_COST_LIMIT before anything is run; else as the engine does. */
export async function streamLake(
  lakehouse: Lakehouse,
  question: LakeQuestion,
  write: (part: Uint8Array) => Promise<void>,
): Promise<ArrowSummary> {
  const { sql, engine: name, dialect, maxRows, command, signal } = question;
  const isService = name !== 'duckdb';
  const startedAtMs = lakehouse.effects.clock.nowMs();
  // What DuckDB reads is of interest to a limit alone.
  const estimate = isService || question.maxScan !== undefined ? await expectedScan(lakehouse, question) : null;
  const engine = await lakehouse.engine(name);
  if (estimate && isService) question.onEstimate?.(priced(lakehouse, name, estimate));
  const sent = await engine.arrow(sql, write, { dialect, maxRows, ...(signal ? { signal } : {}) });
  if (isService && sent.statementId !== undefined) {
    const tables = (estimate?.tables ?? []).map(({ table, bytes }) => ({ table, estimatedBytes: bytes }));
    await recordStatement(lakehouse, {
      engine: name,
      statement: sent.statementId,
      command,
      estimatedBytes: estimate?.bytes ?? null,
      actualBytes: sent.bytesScanned,
      tables,
      startedAtMs,
      status: 'succeeded',
    });
  }
  return sent;
}

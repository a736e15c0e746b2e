/** What a question is expected to read, told and judged before anything runs. */
import { estimateScan, type ScanEstimate } from '../cost/estimate-scan.js';
import { requireAffordable } from '../cost/scan-guard.js';
import { billedBytes, scanDollars } from '../cost/statement-cost.js';
import type { Lakehouse } from '../lakehouse.js';
import type { LakeQuestion, QuestionEstimate } from './ask-lake.js';

/**
 * Null where it can't be told: an engine that says what is wrong with a statement says it better. Where a limit depends on it, a failure
 * of the estimate is thrown. @throws KeystoneError KS_COST_LIMIT; nothing was run.
 */
export async function expectedScan(
  lakehouse: Lakehouse,
  { sql, engine, maxScan, allowFullScan }: LakeQuestion,
): Promise<ScanEstimate | null> {
  const isService = engine !== 'duckdb';
  const limit = maxScan ?? (isService ? lakehouse.config.profile.engine.maxScan : undefined);
  const isNeeded = isService || limit !== undefined;
  const estimate = await estimateScan(lakehouse, sql, engine).catch((error: unknown) => {
    if (isNeeded) throw error;
    return null;
  });
  // DuckDB's reading costs nothing: only a limit that was asked for holds.
  const limits = { allowFullScan: allowFullScan || !isService, ...(limit === undefined ? {} : { maxScan: limit }) };
  if (estimate) requireAffordable(estimate, limits);
  return estimate;
}

/** As people are told it before a service begins. */
export function priced({ config }: Lakehouse, engine: LakeQuestion['engine'], estimate: ScanEstimate): QuestionEstimate {
  return { ...estimate, engine, dollars: scanDollars(config.cost, billedBytes(config.cost, engine, estimate.bytes)) };
}

/**
 * `pipeline run`: validates what landed since the last run, then brings gold up to date. Rows that fail an error-level row check
 * never reach silver (they are in quarantine), so gold is built on what passed, and the failure is reported.
 */
import { z } from 'zod';
import { spentSince } from './engine/spent.js';
import { KeystoneError, isKeystoneError, messageOf } from './errors.js';
import { type GoldPlan, type GoldRun, planGold, runGold } from './gold/run-gold.js';
import type { Lakehouse } from './lakehouse.js';
import type { ReportProgress } from './progress.js';
import type { CheckDepth } from './quality/check-depth.js';
import { type Landed, landedSince, type Watermark } from './quality/landed-partitions.js';
import { type ValidationResult, validatePartition } from './quality/validate-partition.js';
import { requireAllowed } from './resilience/require-allowed.js';
import type { Run } from './state/state-store.js';
import { randomHexId } from './table/random-names.js';

export interface PipelineOptions {
  /** Validate everything and rebuild gold whole, whatever changed. */
  readonly full?: boolean;
  /** Runs whole although the level of degradation leaves only a part of it, or nothing. */
  readonly force?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: ReportProgress;
}

export interface ValidatedPartition {
  readonly dataset: string;
  readonly partition: string;
  /** Which checks ran. */
  readonly depth: CheckDepth;
  /** In silver. */
  readonly rows: number;
  readonly quarantinedRows: number;
  readonly passed: boolean;
  readonly failedChecks: readonly { readonly name: string; readonly level: 'error' | 'warning'; readonly failingRows: number }[];
}

export interface PipelineRun {
  readonly runId: string;
  readonly validated: readonly ValidatedPartition[];
  readonly gold: GoldRun;
  /** What computed; what it read and cost, validation included. */
  readonly engine: GoldRun['engine'];
  readonly bytesScanned: number;
  readonly dollars: number;
  /** False when an error-level check has failing rows. */
  readonly passed: boolean;
  readonly elapsedMs: number;
}

export interface PipelinePlan {
  readonly landed: Landed['datasets'];
  readonly gold: GoldPlan;
}

const COMMAND = 'pipeline run';
/** Beyond this one scan of the whole dataset is cheaper than one for each partition. */
const MAX_PARTITIONS = 12;
const runDetail = z.looseObject({ watermark: z.record(z.string(), z.string().nullable()) });

/** What `runPipeline` would do now. Changes nothing. */
export async function planPipeline(lakehouse: Lakehouse, options: PipelineOptions = {}): Promise<PipelinePlan> {
  const { datasets } = await landedSince(lakehouse, await lastWatermark(lakehouse, options), MAX_PARTITIONS);
  return { landed: datasets, gold: await planGold(lakehouse, options) };
}

/** Throws KS_INTERRUPTED after `signal`; the next run then validates the same partitions again. */
export async function runPipeline(lakehouse: Lakehouse, options: PipelineOptions = {}): Promise<PipelineRun> {
  const { clock, randomBytes } = lakehouse.effects;
  requireAllowed(await lakehouse.degradation(), 'gold', 'the pipeline does not run', { force: options.force === true });
  const state = await lakehouse.state();
  const startedAtMs = clock.nowMs();
  const run: Run = {
    id: randomHexId(randomBytes),
    command: COMMAND,
    status: 'running',
    startedAtMs,
    endedAtMs: null,
    detail: {},
  };
  const landed = await landedSince(lakehouse, await lastWatermark(lakehouse, options), MAX_PARTITIONS);
  await state.saveRun(run);
  try {
    const spent = await spentSince(lakehouse, lakehouse.config.profile.engine.adapter);
    const validated = await validateLanded(lakehouse, landed, options);
    const gold = await runGold(lakehouse, options);
    const passed = validated.every((result) => result.passed);
    const isWhole = validated.every((result) => result.depth === 'full');
    const endedAtMs = clock.nowMs();
    await state.saveRun({
      ...run,
      status: passed ? 'succeeded' : 'failed',
      endedAtMs,
      // What was checked in part is checked again, whole, by the first run that may.
      detail: { ...(isWhole ? { watermark: landed.watermark } : {}), validated, gold: gold.models },
    });
    const { bytesScanned, dollars } = spent();
    const { engine } = gold;
    return { runId: run.id, validated, gold, engine, bytesScanned, dollars, passed, elapsedMs: endedAtMs - startedAtMs };
  } catch (error) {
    const status = isKeystoneError(error) && error.code === 'KS_INTERRUPTED' ? 'interrupted' : 'failed';
    await state.saveRun({ ...run, status, endedAtMs: clock.nowMs(), detail: { error: messageOf(error) } }).catch(() => undefined);
    throw error;
  }
}

async function validateLanded(
  lakehouse: Lakehouse,
  landed: Landed,
  options: PipelineOptions,
): Promise<readonly ValidatedPartition[]> {
  const work = landed.datasets.flatMap(({ dataset, partitions }) => partitions.map((partition) => ({ dataset, partition })));
  const validated: ValidatedPartition[] = [];
  for (const [index, request] of work.entries()) {
    if (options.signal?.aborted)
      throw new KeystoneError('KS_INTERRUPTED', 'the run was stopped while validating', { hint: 'keystone pipeline run' });
    options.onProgress?.({
      phase: `validate ${request.dataset} ${request.partition}`,
      done: index,
      total: work.length,
      unit: 'partitions',
    });
    const result = await validatePartition(lakehouse, { ...request, force: options.force === true }).catch((error: unknown) => {
      // Its last row moved elsewhere: there is nothing left to validate.
      if (isKeystoneError(error) && error.code === 'KS_NOT_FOUND') return null;
      throw error;
    });
    if (result) validated.push(summaryOf(result));
  }
  return validated;
}

const summaryOf = (result: ValidationResult): ValidatedPartition => ({
  dataset: result.dataset,
  partition: result.partition,
  depth: result.depth,
  rows: result.rows,
  quarantinedRows: result.quarantinedRows,
  passed: result.passed,
  failedChecks: result.checks
    .filter((check) => !check.passed)
    .map(({ name, level, failingRows }) => ({ name, level, failingRows })),
});

/** Of the newest run that validated everything it set out to. */
async function lastWatermark(lakehouse: Lakehouse, options: PipelineOptions): Promise<Watermark | null> {
  if (options.full) return null;
  for (const run of await (await lakehouse.state()).listRuns({ command: COMMAND, limit: 50 })) {
    const detail = runDetail.safeParse(run.detail);
    if (detail.success) return detail.data.watermark;
  }
  return null;
}

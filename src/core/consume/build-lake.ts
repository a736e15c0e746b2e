/**
 * The builder's loop while it holds the lease: while the range of one batch is derived (DuckDB's threads), the next batch is fetched,
 * encoded and landed (this thread). Each side has its own fences, so neither waits for the other's commits.
 */
import { bronzeRecordOf } from '../bronze/bronze-record.js';
import { hintOffsets, landBatch } from '../bronze/land-batch.js';
import { logIdSummary } from '../bronze/log-identity.js';
import { addCare, careForTables, type CareTotals } from '../care/automatic-care.js';
import type { Lakehouse } from '../lakehouse.js';
import { nextBacklogStep } from '../silver/backlog.js';
import { deriveRange } from '../silver/derive-range.js';
import { refuseRolledBack } from '../silver/rolled-back.js';
import { addCounts, type DerivedCounts, type Derivation } from '../silver/derivation.js';
import { checkBounds, fetchBatch } from './fetch-batch.js';
import type { ConsumeOptions } from './consume-options.js';
import { sameLog } from './log-recreated.js';
import { randomHexId } from '../table/random-names.js';

/** What a run has done so far; the builder adds to it. */
export interface BuildProgress {
  landed: number;
  landedBytes: number;
  batches: number;
  derived: DerivedCounts;
  care: CareTotals;
}

/** Share of the memory bound for the records of one batch. */
const BATCH_SHARE = 0.1;
/** Batches of at least this many records leave garbage worth collecting at once. */
const GARBAGE_ROWS = 20_000;

/**
 * Works while the lease lasts; true once `untilCaughtUp` is reached (everything up to `targets`, by partition, is derived), false
 * when the signal or a faster builder ended it.
 */
export async function buildLake(
  lakehouse: Lakehouse,
  derivation: Derivation,
  options: ConsumeOptions,
  targets: ReadonlyMap<number, number>,
  progress: BuildProgress,
): Promise<boolean> {
  await refuseRolledBack(derivation.tables);
  const topic = lakehouse.config.profile.log.topic;
  const { consume } = lakehouse.config;
  const maxBytes = Math.min(consume.flushBytes, Math.floor(consume.maxMemory * BATCH_SHARE));
  const limits = { maxRows: consume.flushRows, maxBytes };
  const targetEvents = [...targets.values()].reduce((sum, end) => sum + end, 0);
  const report = async (): Promise<void> => {
    const { nextOffsets } = await derivation.tables.dispositions.state();
    const done = [...(nextOffsets.get(topic)?.values() ?? [])].reduce((sum, next) => sum + next, 0);
    const total = options.untilCaughtUp ? { total: Math.max(targetEvents, done) } : {};
    options.onProgress?.({ phase: topic, done, ...total, unit: 'events' });
  };

  let derivedSinceCare = 0;
  const careIfDue = async (): Promise<void> => {
    const { care } = lakehouse.config;
    if (!care.automatic || ++derivedSinceCare < care.everyCommits) return;
    derivedSinceCare = 0;
    const { bronze, error, quarantine, dispositions, silver } = derivation.tables;
    const done = await careForTables(derivation.session, [bronze, error, quarantine, dispositions, ...silver.values()], {
      care,
      clock: derivation.clock,
      randomBytes: derivation.randomBytes,
      signal: options.signal,
      onNotice: (text) => options.onNotice?.(text),
    });
    progress.care = addCare(progress.care, done);
  };

  /** Derives all that bronze holds; false when a faster builder or the signal ended it. */
  const derive = async (): Promise<boolean> => {
    for (;;) {
      const step = await nextBacklogStep(derivation, topic, limits);
      if (!step) return true;
      const outcome = await deriveRange(derivation, step.range, step.mode);
      if (outcome.kind === 'lost') {
        options.onNotice?.(`${outcome.table}: ${outcome.reason}; starting again from the tables`);
        return false;
      }
      progress.derived = addCounts(progress.derived, outcome.counts);
      await report();
      await careIfDue();
      if (options.signal.aborted) return false;
    }
  };

  const log = await lakehouse.log();
  const toRow = bronzeRecordOf(lakehouse.config.ingest.defaultDataset);
  /** Lands one batch; `done`: bronze holds everything up to the targets. */
  const land = async (): Promise<'landed' | 'nothing' | 'done' | 'lost'> => {
    const { bronze } = derivation.tables;
    const state = await bronze.state();
    const logId = await sameLog(log, state, topic);
    const next = state.nextOffsets.get(topic) ?? new Map<number, number>();
    if (options.untilCaughtUp && [...targets].every(([partition, end]) => (next.get(partition) ?? 0) >= end)) return 'done';
    const waitMs = options.untilCaughtUp ? 0 : consume.flushInterval;
    const batch = await fetchBatch(log, derivation.clock, topic, next, { ...limits, waitMs }, toRow, options.signal);
    if (!batch) return 'nothing';
    const ranges = batch.range.partitions.map(({ partition, from, toExclusive }) => ({
      topic,
      partition,
      expectedNext: from,
      endExclusive: toExclusive,
    }));
    const outcome = await landBatch(
      bronze,
      derivation.store,
      { records: batch.records, ranges, holes: batch.holes, summary: logIdSummary(state, topic, logId) },
      {
        commitId: randomHexId(derivation.randomBytes),
        ingestedAtUs: derivation.clock.nowMs() * 1000,
        holdLease: derivation.holdLease,
      },
    );
    if (outcome.kind !== 'committed') {
      options.onNotice?.(`bronze.events: ${outcome.reason}; starting again from the tables`);
      return 'lost';
    }
    progress.landed += batch.records.length;
    progress.landedBytes += batch.sizeBytes;
    progress.batches += 1;
    await hintOffsets(log, consume.group, topic, ranges);
    if (batch.records.length >= GARBAGE_ROWS) lakehouse.effects.collectGarbage?.();
    return 'landed';
  };

  // Also when nothing is left to fetch: a topic that was deleted and made anew looks like one that is caught up.
  // The lake before the log: what a suspended builder lands in between must not look like an end below the lake.
  const landed = await derivation.tables.bronze.state();
  await sameLog(log, landed, topic);
  checkBounds(topic, await log.bounds(topic), landed.nextOffsets.get(topic) ?? new Map());
  await report();
  let deriving = derive();
  for (;;) {
    // Both sides end before either's failure is told: a session may not be closed under a running statement.
    const [derived, landing] = await Promise.allSettled([deriving, land()]);
    if (derived.status === 'rejected') throw derived.reason;
    if (landing.status === 'rejected') throw landing.reason;
    if (!derived.value || landing.value === 'lost' || options.signal.aborted) return false;
    // Once more: a suspended builder may have landed its last batch after this one had looked.
    if (landing.value === 'done') return derive();
    if (landing.value === 'landed') deriving = derive();
  }
}

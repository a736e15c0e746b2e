/** Lands the next batch of the topic: from the lake's own offsets, under a right that is asked for again before the commit. */
import { bronzeRecordOf } from '../bronze/bronze-record.js';
import { landBatch } from '../bronze/land-batch.js';
import { logIdSummary } from '../bronze/log-identity.js';
import { isKeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ObjectStore } from '../store/object-store.js';
import { randomHexId } from '../table/random-names.js';
import type { OffsetRange, Table, TableState } from '../table/table-api.js';
import { stepLimits, type BuildProgress } from './build-progress.js';
import { checkBounds } from './check-bounds.js';
import type { ConsumeOptions } from './consume-options.js';
import { consumeTelemetry } from './consume-telemetry.js';
import { fetchBatch, type Batch } from './fetch-batch.js';
import { heldWork } from './held-work.js';
import { sameLog } from './log-recreated.js';

/** Who may land, and what. */
export interface LandingRight {
  /** null: all partitions of the topic. */
  readonly partitions: ReadonlySet<number> | null;
  /** Throws KS_LEASE_LOST when the right is gone; the fencing token of a lease, null without one. */
  readonly hold: () => number | null;
  /** Ends the wait for more events: what is there is landed. */
  readonly signal: AbortSignal;
  /** Tells lag tools where the lake is; what fails here fails nothing. */
  readonly hint: (next: ReadonlyMap<number, number>) => Promise<void>;
}

/** `done`: bronze holds everything up to the targets; `lost`: another builder was faster. */
export type LandingOutcome = 'landed' | 'nothing' | 'done' | 'lost';

export interface Landing {
  /** Throws KS_LOG_RECREATED, KS_LOG_TRUNCATED where the log is not what the lake was built from. */
  checkLog(right: Pick<LandingRight, 'partitions'>): Promise<void>;
  landNext(right: LandingRight): Promise<LandingOutcome>;
  /** Whether the log's partitions end elsewhere than bronze did when it was last looked at. Asks the log alone, not the store. */
  isMoving(right: Pick<LandingRight, 'partitions'>): Promise<boolean>;
}

/** Batches of at least this many records leave garbage worth collecting at once. */
const GARBAGE_ROWS = 20_000;
/** While landing is held back. */
const HELD_LOOK_MS = 1000;
/** Commits of several writers come one after the other: where they wait for each other, a batch gathers for a multiple of its commit … */
const CONTENDED_SHARE = 2;
/** … but no longer than this many flush intervals. */
const LONGEST_WAITS = 4;

export interface LandingPlace {
  readonly bronze: Table;
  readonly store: ObjectStore;
}

export function landing(
  lakehouse: Lakehouse,
  { bronze, store }: LandingPlace,
  options: ConsumeOptions,
  targets: ReadonlyMap<number, number>,
  progress: BuildProgress,
): Landing {
  const { config, effects } = lakehouse;
  const { consume } = config;
  const { clock } = effects;
  const topic = config.profile.log.topic;
  const toRow = bronzeRecordOf(config.ingest.defaultDataset);
  const held = heldWork(lakehouse, options);
  let commitMs = 0;
  let seen: ReadonlyMap<number, number> = new Map();
  const telemetry = consumeTelemetry(lakehouse);

  const waitMs = (alone: boolean): number => {
    // Without any wait a run without end would ask the log again and again.
    const leastMs = options.untilCaughtUp ? 0 : Math.max(1, consume.flushInterval);
    if (alone) return leastMs;
    return Math.max(leastMs, Math.min(CONTENDED_SHARE * commitMs, LONGEST_WAITS * consume.flushInterval));
  };
  const fetch = async (state: TableState, right: LandingRight): Promise<Batch | null | 'lost'> => {
    const place = { log: await lakehouse.log(), topic, next: nextOf(state, topic), partitions: right.partitions };
    try {
      const limits = { ...stepLimits(consume), waitMs: waitMs(right.partitions === null) };
      return await fetchBatch(place, limits, toRow, { clock, signal: right.signal });
    } catch (error) {
      if (!isKeystoneError(error) || error.code !== 'KS_LOG_TRUNCATED') throw error;
      // What expired may have been landed by another builder since the table was read.
      const now = nextOf(await bronze.state(), topic);
      if ([...now].some(([partition, next]) => next !== (place.next.get(partition) ?? 0))) return 'lost';
      throw error;
    }
  };

  return {
    checkLog: async ({ partitions }) => {
      const log = await lakehouse.log();
      // The lake before the log: what a suspended builder lands in between must not look like an end below the lake.
      const state = await bronze.state();
      await sameLog(log, state, topic);
      checkBounds(topic, await log.bounds(topic), nextOf(state, topic), partitions);
    },
    isMoving: async ({ partitions }) =>
      (await (await lakehouse.log()).bounds(topic)).some(
        ({ partition, endOffset }) => (partitions?.has(partition) ?? true) && endOffset !== (seen.get(partition) ?? 0),
      ),
    landNext: async (right) => {
      if (await held.landing()) {
        await clock.sleep(HELD_LOOK_MS, right.signal);
        return 'nothing';
      }
      const log = await lakehouse.log();
      const state = await bronze.state();
      const logId = await sameLog(log, state, topic);
      const next = nextOf(state, topic);
      seen = next;
      if (options.untilCaughtUp && [...targets].every(([partition, end]) => (next.get(partition) ?? 0) >= end)) return 'done';
      const batch = await fetch(state, right);
      if (batch === 'lost') return 'lost';
      if (!batch) {
        telemetry.caughtUp();
        return 'nothing';
      }
      const ranges = batch.range.partitions.map(({ partition, from, toExclusive }): OffsetRange => ({
        topic,
        partition,
        expectedNext: from,
        endExclusive: toExclusive,
      }));
      const begunMs = clock.nowMs();
      const outcome = await landBatch(
        bronze,
        store,
        { records: batch.records, ranges, holes: batch.holes, summary: logIdSummary(state, topic, logId) },
        { commitId: randomHexId(effects.randomBytes), ingestedAtUs: begunMs * 1000, hold: right.hold },
      );
      commitMs = Math.max(0, clock.nowMs() - begunMs);
      if (outcome.kind !== 'committed') {
        telemetry.lost('land', outcome.reason);
        options.onNotice?.(`bronze.events: ${outcome.reason}; starting again from the tables`);
        return 'lost';
      }
      progress.landed += batch.records.length;
      progress.landedBytes += batch.sizeBytes;
      progress.batches += 1;
      await telemetry.landed({
        events: batch.records.length,
        bytes: batch.sizeBytes,
        seconds: commitMs / 1000,
        ranges,
        bounds: () => log.bounds(topic),
      });
      await right.hint(new Map(ranges.map(({ partition, endExclusive }) => [partition, endExclusive]))).catch(() => undefined);
      if (batch.records.length >= GARBAGE_ROWS) effects.collectGarbage?.();
      return 'landed';
    },
  };
}

const nextOf = (state: TableState, topic: string): ReadonlyMap<number, number> =>
  state.nextOffsets.get(topic) ?? new Map<number, number>();

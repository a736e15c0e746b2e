/**
 * `consume run`: log → bronze → silver and the zones beside it, in batches of bounded memory. The lake's own offsets say where to go
 * on; a crash anywhere is finished by running again (docs/design.md, "Exactly once"). Where the log has consumer groups, their members
 * share the landing, and one of them derives; else one builder at a time does both.
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { type CareTotals, NO_CARE } from '../care/automatic-care.js';
import { KeystoneError, isKeystoneError, messageOf } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { EventLog } from '../log/event-log.js';
import { type DerivedCounts, NO_COUNTS } from '../silver/derivation.js';
import { isTransientFailure } from '../resilience/transient-failure.js';
import type { StateStore } from '../state/state-store.js';
import { refuseMovedLake } from '../table/moved-lake.js';
import { randomHexId } from '../table/random-names.js';
import { buildInGroup } from './build-in-group.js';
import { buildLake } from './build-lake.js';
import type { BuildProgress } from './build-progress.js';
import { checkBounds } from './check-bounds.js';
import type { ConsumeOptions } from './consume-options.js';
import { deriving } from './derive-backlog.js';
import { landing } from './land-next.js';
import { leaseName } from '../state/lease-name.js';
import { sameLog } from './log-recreated.js';
import { watchOutages, type Endurance } from './outages.js';
import { giveSigns } from './signs-of-life.js';
import { underLease } from './under-lease.js';

export interface ConsumeTotals {
  readonly topic: string;
  /** Events landed in bronze by this run. */
  readonly landed: number;
  readonly landedBytes: number;
  readonly batches: number;
  /** What this run derived. */
  readonly derived: DerivedCounts;
  /** What was done for the tables beside it (`care.automatic`). */
  readonly care: CareTotals;
  readonly seconds: number;
  /** True when everything that was in the log at the start is derived. */
  readonly caughtUp: boolean;
}

/** What a run works with once the services have answered. */
interface BegunRun {
  readonly log: EventLog;
  readonly state: StateStore;
  /** Identity of the lake: that of its bronze table. */
  readonly lake: string;
  /** What was in the log then: end offset by partition. */
  readonly targets: ReadonlyMap<number, number>;
}

export async function runConsumer(lakehouse: Lakehouse, options: ConsumeOptions): Promise<ConsumeTotals> {
  const { config, effects } = lakehouse;
  const { clock, randomBytes, logger } = effects;
  const { untilCaughtUp, signal, onNotice } = options;
  const topic = config.profile.log.topic;
  const startedAtMs = clock.nowMs();
  const patienceMs = untilCaughtUp ? config.resilience.patience : Infinity;
  const outages = watchOutages({ clock, randomBytes, signal, patienceMs, logger, onNotice });
  const runId = randomHexId(randomBytes);
  const runOf = (status: 'running' | 'succeeded' | 'failed' | 'interrupted', detail: unknown) => ({
    id: runId,
    command: 'consume run',
    status,
    startedAtMs,
    endedAtMs: status === 'running' ? null : clock.nowMs(),
    detail,
  });
  const isThere = () => runOf('running', { topic, holder: effects.processName, aliveAtMs: clock.nowMs() });
  const progress: BuildProgress = { landed: 0, landedBytes: 0, batches: 0, derived: NO_COUNTS, care: NO_CARE };
  const totalsOf = (caughtUp: boolean): ConsumeTotals => ({
    topic,
    ...progress,
    seconds: (clock.nowMs() - startedAtMs) / 1000,
    caughtUp,
  });
  let begun: BegunRun;
  try {
    begun = await outages().endure(async () => {
      const found = await beginRun(lakehouse);
      await found.state.saveRun(isThere());
      return found;
    });
  } catch (error) {
    // A run without end that is told to stop has done what was asked of it, whatever it was waiting for.
    if (!untilCaughtUp && isInterrupted(error)) return totalsOf(false);
    // A service that is away may be the one that would be asked to remember it.
    if (!isInterrupted(error) && !isTransientFailure(error)) {
      const failed = runOf('failed', { topic, error: messageOf(error) });
      await lakehouse
        .state()
        .then((state) => state.saveRun(failed))
        .catch(() => undefined); // only the history of runs lacks it
    }
    throw error;
  }
  const signs = giveSigns(() => begun.state.saveRun(isThere()));
  logger?.info('consume.started', { runId, topic, group: config.consume.group, untilCaughtUp, holder: effects.processName });
  try {
    const { log, lake, state, targets } = begun;
    const { group, leaseTtl } = config.consume;
    const membership = log.joinGroup?.(group, topic, { name: effects.processName, lake, sessionMs: leaseTtl });
    const caughtUp = membership
      ? await buildInGroup({ lakehouse, state, membership, options, targets, progress, endurance: outages })
      : await buildAlone(lakehouse, begun, options, progress, outages());
    await signs.stop();
    const totals = totalsOf(caughtUp);
    const { landed, landedBytes, batches, seconds } = totals;
    logger?.info('consume.stopped', { runId, topic, landed, landedBytes, batches, seconds, caughtUp });
    const ended = runOf(caughtUp || !untilCaughtUp ? 'succeeded' : 'interrupted', totals);
    // Who was told to stop does not wait for a database to hear of it.
    if (signal.aborted) await begun.state.saveRun(ended).catch((error: unknown) => onNotice?.(messageOf(error)));
    else
      await outages()
        .endure(() => begun.state.saveRun(ended))
        .catch((error: unknown) => {
          if (!isInterrupted(error)) throw error;
          onNotice?.(messageOf(error));
        });
    if (untilCaughtUp && !caughtUp) {
      throw new KeystoneError('KS_INTERRUPTED', `stopped before ${topic} was caught up; nothing is lost`, {
        hint: 'keystone consume run --until-caught-up',
      });
    }
    return totals;
  } catch (error) {
    await signs.stop();
    if (!isInterrupted(error))
      await begun.state.saveRun(runOf('failed', { topic, error: messageOf(error) })).catch(() => undefined);
    throw error;
  }
}

const isInterrupted = (error: unknown): boolean => isKeystoneError(error) && error.code === 'KS_INTERRUPTED';

async function beginRun(lakehouse: Lakehouse): Promise<BegunRun> {
  const { topic, partitions } = lakehouse.config.profile.log;
  const log = await lakehouse.log();
  await refuseMovedLake(lakehouse);
  // Before the topic is made if absent: of a lake that holds events of it, it was lost.
  const landed = await (await lakehouse.table(BRONZE_EVENTS.name))?.state();
  if (landed) {
    await sameLog(log, landed, topic);
    checkBounds(topic, await log.bounds(topic), landed.nextOffsets.get(topic) ?? new Map());
  }
  await log.ensureTopic(topic, partitions);
  const targets = new Map((await log.bounds(topic)).map(({ partition, endOffset }) => [partition, endOffset]));
  const { metadata } = await (await lakehouse.ensureTable(BRONZE_EVENTS)).metadata();
  return { log, state: await lakehouse.state(), lake: metadata['table-uuid'], targets };
}

/** Lands and derives under one lease. */
function buildAlone(
  lakehouse: Lakehouse,
  { log, state, targets }: BegunRun,
  options: ConsumeOptions,
  progress: BuildProgress,
  endurance: Endurance,
): Promise<boolean> {
  const { topic } = lakehouse.config.profile.log;
  const { group } = lakehouse.config.consume;
  const standbyNotice = `another consumer holds the lease "${leaseName(topic)}": standing by`;
  return underLease({ lakehouse, state, options, targets, endurance, standbyNotice }, (derivation) => {
    const { tables, store, holdLease } = derivation;
    const right = {
      partitions: null,
      hold: holdLease,
      signal: options.signal,
      hint: (next: ReadonlyMap<number, number>) => log.commitOffsets(group, topic, next),
    };
    const land = landing(lakehouse, { bronze: tables.bronze, store }, options, targets, progress);
    const derive = deriving(lakehouse, derivation, options, targets, progress);
    return buildLake(derivation, land, derive, { right, signal: options.signal, onRound: endurance.worked });
  });
}

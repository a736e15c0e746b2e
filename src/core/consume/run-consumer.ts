/**
 * `consume run`: log → bronze → silver and the zones beside it, by one builder at a time, in batches of bounded memory. The lake's
 * own offsets say where to go on; a crash anywhere is finished by running again (docs/design.md, "Exactly once").
 */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { type CareTotals, NO_CARE } from '../care/automatic-care.js';
import { KeystoneError, isKeystoneError, messageOf } from '../errors.js';
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import type { Lakehouse } from '../lakehouse.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../quarantine/quarantine-tables.js';
import { nextBacklogStep } from '../silver/backlog.js';
import { type DerivedCounts, type Derivation, NO_COUNTS } from '../silver/derivation.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { createSeenIndex } from '../silver/seen-index.js';
import { silverTable } from '../silver/silver-table.js';
import { refuseMovedLake } from '../table/moved-lake.js';
import type { Table } from '../table/table-api.js';
import { buildLake } from './build-lake.js';
import type { ConsumeOptions } from './consume-options.js';
import { checkBounds } from './fetch-batch.js';
import { keepLease, type LeaseKeeper } from '../state/lease-keeper.js';
import { isTransientFailure } from '../resilience/transient-failure.js';
import { leaseName } from './lease-name.js';
import { sameLog } from './log-recreated.js';
import { highestToken } from '../table/highest-token.js';
import { randomHexId } from '../table/random-names.js';

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

const STANDBY_MS = 500;
/** Share of the memory bound for DuckDB's buffers; a batch has its own (`build-lake.ts`), the rest is for Arrow, Parquet and Node itself. */
const DUCK_SHARE = 0.3;

export async function runConsumer(lakehouse: Lakehouse, options: ConsumeOptions): Promise<ConsumeTotals> {
  const { config, effects } = lakehouse;
  const { clock } = effects;
  const topic = config.profile.log.topic;
  const startedAtMs = clock.nowMs();
  const log = await lakehouse.log();
  await refuseMovedLake(lakehouse);
  // Before the topic is made if absent: of a lake that holds events of it, it was lost.
  const landed = await (await lakehouse.table(BRONZE_EVENTS.name))?.state();
  if (landed) {
    await sameLog(log, landed, topic);
    checkBounds(topic, await log.bounds(topic), landed.nextOffsets.get(topic) ?? new Map());
  }
  await log.ensureTopic(topic, config.profile.log.partitions);
  const targets = new Map((await log.bounds(topic)).map(({ partition, endOffset }) => [partition, endOffset]));
  const state = await lakehouse.state();
  const runId = randomHexId(effects.randomBytes);
  const progress = { landed: 0, landedBytes: 0, batches: 0, derived: NO_COUNTS, care: NO_CARE };
  const totals = (caughtUp: boolean): ConsumeTotals => ({
    topic,
    ...progress,
    seconds: (clock.nowMs() - startedAtMs) / 1000,
    caughtUp,
  });
  const saveRun = (status: 'running' | 'succeeded' | 'failed' | 'interrupted', detail: unknown): Promise<void> =>
    state.saveRun({
      id: runId,
      command: 'consume run',
      status,
      startedAtMs,
      endedAtMs: status === 'running' ? null : clock.nowMs(),
      detail,
    });
  await saveRun('running', { topic });
  const derivation = await openDerivation(lakehouse);
  const { silver, ...others } = derivation.tables;
  const tableToken = (): Promise<number> => highestToken([...Object.values(others), ...silver.values()]);
  let lease: LeaseKeeper | null = null;
  let caughtUp = false;
  try {
    let standby = false;
    let isAway = false;
    while (!options.signal.aborted && !caughtUp) {
      try {
        lease = await keepLease(state, clock, leaseName(topic), effects.processName, config.consume.leaseTtl, tableToken);
      } catch (error) {
        // A state database that restarts is waited for, as a lease is; nothing is committed meanwhile.
        if (options.untilCaughtUp || !isTransientFailure(error)) throw error;
        if (!isAway) options.onNotice?.(`${messageOf(error)}; waiting for it`);
        isAway = true;
        await clock.sleep(STANDBY_MS, options.signal);
        continue;
      }
      isAway = false;
      if (!lease) {
        if (options.untilCaughtUp && (await isCaughtUp(derivation, topic, targets))) {
          caughtUp = true;
          break;
        }
        if (!standby) options.onNotice?.(`another consumer holds the lease "${leaseName(topic)}": standing by`);
        standby = true;
        await clock.sleep(STANDBY_MS, options.signal);
        continue;
      }
      standby = false;
      try {
        caughtUp = await buildLake(lakehouse, { ...derivation, holdLease: lease.hold }, options, targets, progress);
      } catch (error) {
        if (!isKeystoneError(error) || error.code !== 'KS_LEASE_LOST') throw error;
        options.onNotice?.(error.message);
      } finally {
        // What another builder commits from here on, this index does not know.
        derivation.seen.invalidate();
        await lease.release();
        lease = null;
      }
    }
    const result = totals(caughtUp);
    await saveRun(caughtUp || !options.untilCaughtUp ? 'succeeded' : 'interrupted', result);
    if (options.untilCaughtUp && !caughtUp) {
      throw new KeystoneError('KS_INTERRUPTED', `stopped before ${topic} was caught up; nothing is lost`, {
        hint: 'keystone consume run --until-caught-up',
      });
    }
    return result;
  } catch (error) {
    if (!isKeystoneError(error) || error.code !== 'KS_INTERRUPTED')
      await saveRun('failed', { topic, error: messageOf(error) }).catch(() => undefined);
    throw error;
  } finally {
    await derivation.session.close();
  }
}

type OpenDerivation = Omit<Derivation, 'holdLease'>;

async function openDerivation(lakehouse: Lakehouse): Promise<OpenDerivation> {
  const contracts = await lakehouse.contracts();
  const session = await lakehouse.duck({
    memoryLimitBytes: Math.floor(lakehouse.config.consume.maxMemory * DUCK_SHARE),
    keepFooters: false,
  });
  const silver = new Map<string, Table>();
  for (const contract of contracts.values()) silver.set(contract.dataset, await lakehouse.ensureTable(silverTable(contract)));
  return {
    session,
    store: await lakehouse.store(),
    tables: {
      bronze: await lakehouse.ensureTable(BRONZE_EVENTS),
      error: await lakehouse.ensureTable(ERROR_EVENTS),
      quarantine: await lakehouse.ensureTable(QUARANTINE_EVENTS),
      dispositions: await lakehouse.ensureTable(DISPOSITIONS),
      silver,
    },
    contracts,
    seen: createSeenIndex(session),
    clock: lakehouse.effects.clock,
    randomBytes: lakehouse.effects.randomBytes,
  };
}

/** Bronze holds everything up to the targets, and all of it is derived. */
async function isCaughtUp(derivation: OpenDerivation, topic: string, targets: ReadonlyMap<number, number>): Promise<boolean> {
  const { nextOffsets } = await derivation.tables.dispositions.state();
  if (![...targets].every(([partition, end]) => nextOffsetOf(nextOffsets, topic, partition) >= end)) return false;
  const never = (): number => {
    throw new KeystoneError('KS_INTERNAL', 'no lease is held');
  };
  return (await nextBacklogStep({ ...derivation, holdLease: never }, topic, { maxRows: 1, maxBytes: 1 })) === null;
}

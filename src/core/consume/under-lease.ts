/** The one builder of a topic: takes the lease, works under it, stands by while another holds it, and waits out outages on the way. */
import { BRONZE_EVENTS } from '../bronze/bronze-events.js';
import { KeystoneError, isKeystoneError } from '../errors.js';
import { DISPOSITIONS } from '../ledger/dispositions-table.js';
import type { Lakehouse } from '../lakehouse.js';
import { ERROR_EVENTS, QUARANTINE_EVENTS } from '../quarantine/quarantine-tables.js';
import { nextBacklogStep } from '../silver/backlog.js';
import type { Derivation } from '../silver/derivation.js';
import { nextOffsetOf } from '../silver/offset-ranges.js';
import { createSeenIndex } from '../silver/seen-index.js';
import { silverTable } from '../silver/silver-table.js';
import { keepLease, type LeaseKeeper } from '../state/lease-keeper.js';
import type { StateStore } from '../state/state-store.js';
import { highestToken } from '../table/highest-token.js';
import type { Table } from '../table/table-api.js';
import type { ConsumeOptions } from './consume-options.js';
import { leaseName } from '../state/lease-name.js';
import type { Endurance } from './outages.js';

export interface LeasedRun {
  readonly lakehouse: Lakehouse;
  readonly state: StateStore;
  readonly options: ConsumeOptions;
  /** What was in the log at the start: end offset by partition. */
  readonly targets: ReadonlyMap<number, number>;
  readonly endurance: Endurance;
  /** Told once for each time that another one holds the lease. */
  readonly standbyNotice: string;
}

const STANDBY_MS = 500;
/** Share of the memory bound for DuckDB's buffers; a batch has its own, the rest is for Arrow, Parquet and Node itself. */
const DUCK_SHARE = 0.3;

/**
 * Calls `work` whenever the lease is ours, until it resolves to true (caught up) or the signal comes; false then. Who stands by with
 * `untilCaughtUp` ends with true once the holder has done everything.
 */
export async function underLease(run: LeasedRun, work: (derivation: Derivation) => Promise<boolean>): Promise<boolean> {
  const { lakehouse, state, options, targets, endurance } = run;
  const { config, effects } = lakehouse;
  const topic = config.profile.log.topic;
  let open: OpenDerivation | null = null;
  let isStandby = false;
  const shut = async (): Promise<void> => {
    const shutting = open;
    open = null;
    await shutting?.session.close();
  };
  /** Takes the lease and works under it once; `standby` when it is another's. */
  const turn = async (): Promise<'standby' | boolean> => {
    const opened = (open ??= await openDerivation(lakehouse));
    const { silver, ...others } = opened.tables;
    const tableToken = (): Promise<number> => highestToken([...Object.values(others), ...silver.values()]);
    const { processName, clock } = effects;
    const lease: LeaseKeeper | null = await keepLease(
      state,
      clock,
      leaseName(topic),
      processName,
      config.consume.leaseTtl,
      tableToken,
      options.onNotice,
    );
    if (!lease) return options.untilCaughtUp && (await isCaughtUp(opened, topic, targets)) ? true : 'standby';
    isStandby = false;
    effects.logger?.info('lease.taken', { lease: leaseName(topic), holder: processName });
    try {
      return await work({ ...opened, holdLease: lease.hold });
    } finally {
      // What another builder commits from here on, this index does not know.
      opened.seen.invalidate();
      await lease.release();
      effects.logger?.info('lease.released', { lease: leaseName(topic), holder: processName });
    }
  };
  try {
    while (!options.signal.aborted) {
      let outcome: 'standby' | boolean;
      try {
        outcome = await turn();
      } catch (error) {
        if (isKeystoneError(error) && error.code === 'KS_LEASE_LOST') {
          effects.logger?.warn('lease.lost', { lease: leaseName(topic), reason: error.message });
          options.onNotice?.(error.message);
          continue;
        }
        // What the session was in the middle of is not known: it begins anew.
        await shut().catch(() => undefined);
        await endurance.failed(error);
        continue;
      }
      if (outcome === true) return true;
      if (outcome === false) continue;
      endurance.worked();
      if (!isStandby) options.onNotice?.(run.standbyNotice);
      isStandby = true;
      await effects.clock.sleep(STANDBY_MS, options.signal);
    }
    return false;
  } finally {
    // What it held ends with the process; it changes nothing of what is in the tables.
    await shut().catch(() => undefined);
  }
}

type OpenDerivation = Omit<Derivation, 'holdLease'>;

async function openDerivation(lakehouse: Lakehouse): Promise<OpenDerivation> {
  const contracts = await lakehouse.contracts();
  const silver = new Map<string, Table>();
  for (const contract of contracts.values()) silver.set(contract.dataset, await lakehouse.ensureTable(silverTable(contract)));
  const tables = {
    bronze: await lakehouse.ensureTable(BRONZE_EVENTS),
    error: await lakehouse.ensureTable(ERROR_EVENTS),
    quarantine: await lakehouse.ensureTable(QUARANTINE_EVENTS),
    dispositions: await lakehouse.ensureTable(DISPOSITIONS),
    silver,
  };
  const store = await lakehouse.store();
  const { clock, randomBytes } = lakehouse.effects;
  const { consume, profile } = lakehouse.config;
  // Last: what fails before it leaves no session behind.
  const session = await lakehouse.duck({
    memoryLimitBytes: Math.floor(consume.maxMemory * DUCK_SHARE),
    // Landing has the other core; and DuckDB's threads spin while they wait for each other, which cost a fifth of all CPU time here.
    threads: Math.max(1, profile.engine.threads - 1),
    keepFooters: false,
  });
  return { session, store, tables, contracts, seen: createSeenIndex(session), clock, randomBytes };
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

/** `gold plan` and `gold run`: every model in build order, planned against what its inputs hold now, then built. */
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { loadAthenaPrelude } from '../engine/duckdb/athena-prelude.js';
import { KeystoneError } from '../errors.js';
import { spentSince } from '../engine/spent.js';
import { highestToken } from '../table/highest-token.js';
import { keepLease } from '../state/lease-keeper.js';
import type { Lakehouse } from '../lakehouse.js';
import { requireAllowed } from '../resilience/require-allowed.js';
import type { Clock } from '../clock.js';
import type { ReportProgress } from '../progress.js';
import type { StateStore } from '../state/state-store.js';
import type { TableName } from '../table/table-api.js';
import { buildModel } from './build-model.js';
import { loadModels } from './load-models.js';
import type { ModelEngine } from './model-engine.js';
import { openModelEngine } from './open-model-engine.js';
import type { Model } from './model.js';
import { partitionLabel } from './partition-ordinal.js';
import { type PinnedTable, pinTable } from './pinned-table.js';
import { type ModelPlan, type PlanInputs, planModel } from './plan-model.js';

export interface GoldOptions {
  /** Model names, with or without `gold.`, each with the models it reads; empty or absent: all. */
  readonly models?: readonly string[];
  /** Rebuild every model whole. */
  readonly full?: boolean;
  /** Builds although the level of degradation leaves no gold. */
  readonly force?: boolean;
  /** What computes the models; default: the profile's engine. */
  readonly engine?: ModelEngine['name'];
  /** Bytes; a statement for a service that is estimated to read more is refused (KS_COST_LIMIT). Default: the profile's. */
  readonly maxScan?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: ReportProgress;
}

export type GoldAction = 'none' | 'note' | 'partitions' | 'rebuild';

export interface PlannedModel {
  readonly model: TableName;
  /** `note`: nothing but the record of what was read. */
  readonly action: GoldAction;
  readonly reason: string;
  /** `2017-10`, …; empty unless the action is `partitions`. */
  readonly partitions: readonly string[];
  readonly inputs: readonly TableName[];
}

export interface RunModel extends PlannedModel {
  /** Rows computed. */
  readonly rows: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  /** By the engine, planning included. */
  readonly bytesScanned: number;
  /** Text, because ids are 53-bit integers; null when nothing was committed. */
  readonly snapshotId: string | null;
}

export interface GoldPlan {
  readonly engine: ModelEngine['name'];
  readonly models: readonly PlannedModel[];
  /** By the engine, to find out which partitions changed rows touch. */
  readonly bytesScanned: number;
}

export interface GoldRun {
  readonly engine: ModelEngine['name'];
  readonly models: readonly RunModel[];
  readonly bytesScanned: number;
  /** US dollars for the service's statements; 0 where nothing is paid for. */
  readonly dollars: number;
  readonly elapsedMs: number;
}

/** The lease of the one run that builds gold. */
export const GOLD_LEASE = 'gold';
export const GOLD_LEASE_TTL_MS = 15_000;

/** What `runGold` would do; a model behind one that will be built is planned against what that one holds now. Changes nothing. */
export async function planGold(lakehouse: Lakehouse, options: GoldOptions = {}): Promise<GoldPlan> {
  const models = await chosenModels(lakehouse, options.models ?? []);
  return inSession(lakehouse, options.signal, async (session) => {
    const { engine } = await openModelEngine(lakehouse, session, options);
    const pins = pinner(lakehouse);
    const planned: PlannedModel[] = [];
    for (const [index, model] of models.entries()) {
      options.onProgress?.({ phase: `plan ${model.name}`, done: index, total: models.length, unit: 'models' });
      const inputs = await planInputs(lakehouse, pins, model);
      const waitsFor = planned.find((upstream) => upstream.action !== 'none' && model.inputs.includes(upstream.model));
      const plan = await decide(engine, inputs, options.full === true);
      const follows = plan.kind === 'current' && waitsFor !== undefined;
      planned.push(
        follows ? { ...describe(model, plan), action: 'note', reason: `behind ${waitsFor.model}` } : describe(model, plan),
      );
    }
    return { engine: engine.name, models: planned, bytesScanned: engine.bytesScanned() };
  });
}

/**
 * Builds what is not current. Inputs outside gold are read at the snapshots that were current when the run began. Throws
 * KS_LEASE_HELD when another run holds gold's lease, KS_INTERRUPTED after `signal`; what was committed stays.
 */
export async function runGold(lakehouse: Lakehouse, options: GoldOptions = {}): Promise<GoldRun> {
  const { clock, processName } = lakehouse.effects;
  const startedMs = clock.nowMs();
  requireAllowed(await lakehouse.degradation(), 'gold', 'gold is not built', { force: options.force === true });
  const models = await chosenModels(lakehouse, options.models ?? []);
  const tableToken = async (): Promise<number> =>
    highestToken(await Promise.all(models.map((model) => lakehouse.table(model.name))));
  const state = await lakehouse.state();
  const lease = await keepLease(state, clock, GOLD_LEASE, processName, GOLD_LEASE_TTL_MS, tableToken);
  if (!lease) throw await goldIsHeld(state, clock);
  try {
    return await inSession(lakehouse, options.signal, async (session) => {
      const pins = pinner(lakehouse);
      const pinned: (PinnedTable | null)[] = [];
      for (const input of new Set(models.flatMap((model) => model.inputs)))
        pinned.push(input.startsWith('gold.') ? await pinTable(lakehouse, input) : await pins(input));
      const { engine, sweep } = await openModelEngine(lakehouse, session, options);
      const spent = await spentSince(lakehouse, engine.name);
      await sweep(pinned.flatMap((input) => (input?.table ? [input.name] : [])));
      const done: RunModel[] = [];
      for (const [index, model] of models.entries()) {
        options.onProgress?.({ phase: model.name, done: index, total: models.length, unit: 'models' });
        const inputs = await planInputs(lakehouse, pins, model);
        const before = engine.bytesScanned();
        const plan = await decide(engine, inputs, options.full === true);
        const described = describe(model, plan);
        if (plan.kind === 'current') {
          done.push({ ...described, rows: 0, filesAdded: 0, filesRemoved: 0, bytesScanned: 0, snapshotId: null });
          continue;
        }
        const built = await buildModel(lakehouse, session, engine, inputs, plan, () => lease.hold());
        const { rows, filesAdded, filesRemoved } = built;
        const note =
          built.outcome === 'same' && plan.kind !== 'untouched'
            ? { reason: `${described.reason}; the rows came out as they were` }
            : {};
        const bytesScanned = engine.bytesScanned() - before;
        done.push({ ...described, ...note, rows, filesAdded, filesRemoved, bytesScanned, snapshotId: String(built.snapshot.id) });
      }
      options.onProgress?.({ phase: 'gold', done: models.length, total: models.length, unit: 'models' });
      const { dollars } = spent();
      const bytesScanned = engine.bytesScanned();
      return { engine: engine.name, models: done, bytesScanned, dollars, elapsedMs: clock.nowMs() - startedMs };
    });
  } finally {
    await lease.release();
  }
}

const decide = (engine: ModelEngine, inputs: PlanInputs, full: boolean): Promise<ModelPlan> | ModelPlan =>
  full ? { kind: 'rebuild', reason: 'asked for', forced: true } : planModel(engine, inputs);

async function goldIsHeld(state: StateStore, clock: Clock): Promise<KeystoneError> {
  const held = await state.readLease(GOLD_LEASE);
  const leftMs = held ? Math.max(0, held.expiresAtMs - clock.nowMs()) : 0;
  const holder = held ? ` (${held.holder})` : '';
  return new KeystoneError('KS_LEASE_HELD', `another run${holder} is building gold, or was killed while it did`, {
    hint: `keystone gold run, in ${Math.ceil(leftMs / 1000)} s if it was killed: then its lease ends, and a run that lives renews it`,
    details: { lease: GOLD_LEASE, holder: held?.holder ?? null, leftMs },
  });
}

async function chosenModels(lakehouse: Lakehouse, names: readonly string[]): Promise<readonly Model[]> {
  const models = await loadModels(lakehouse.config.models);
  const wanted = new Set(names.map((name) => (name.includes('.') ? name : `gold.${name}`)));
  for (const name of wanted) {
    if (!models.some((model) => model.name === name)) {
      throw new KeystoneError('KS_NOT_FOUND', `there is no model ${name}`, {
        hint: `models: ${models.map((model) => model.name).join(', ')}`,
      });
    }
  }
  if (wanted.size === 0) return models;
  // Backwards through the build order, so that a chosen model takes along what it reads.
  for (const model of models.toReversed()) if (wanted.has(model.name)) for (const input of model.inputs) wanted.add(input);
  return models.filter((model) => wanted.has(model.name));
}

/** Reads each table outside gold once. */
function pinner(lakehouse: Lakehouse): (name: TableName) => Promise<PinnedTable | null> {
  const pinned = new Map<TableName, Promise<PinnedTable | null>>();
  return (name) => {
    if (name.startsWith('gold.')) return pinTable(lakehouse, name);
    const known = pinned.get(name) ?? pinTable(lakehouse, name);
    pinned.set(name, known);
    return known;
  };
}

async function planInputs(
  lakehouse: Lakehouse,
  pins: (name: TableName) => Promise<PinnedTable | null>,
  model: Model,
): Promise<PlanInputs> {
  const inputs: PinnedTable[] = [];
  for (const name of model.inputs) {
    const input = await pins(name);
    if (input) inputs.push(input); // an absent one is a gold table that only `gold plan` meets before it is built
  }
  return { model, target: await pinTable(lakehouse, model.name), inputs };
}

function describe(model: Model, plan: ModelPlan): PlannedModel {
  const common = { model: model.name, inputs: model.inputs, partitions: [] };
  switch (plan.kind) {
    case 'current':
      return { ...common, action: 'none', reason: 'current' };
    case 'untouched':
      return { ...common, action: 'note', reason: plan.reason };
    case 'rebuild':
      return { ...common, action: 'rebuild', reason: plan.reason };
    case 'partitions': {
      const transform = model.partition?.transform ?? 'month';
      return {
        ...common,
        action: 'partitions',
        reason: plan.reason,
        partitions: plan.ordinals.map((ordinal) => partitionLabel(transform, ordinal)),
      };
    }
  }
}

/** A session with the models' dialect; an abort interrupts the statement that runs. */
async function inSession<T>(
  lakehouse: Lakehouse,
  signal: AbortSignal | undefined,
  work: (session: DuckSession) => Promise<T>,
): Promise<T> {
  const session = await lakehouse.duck();
  const interrupt = (): void => session.connection.interrupt();
  signal?.addEventListener('abort', interrupt);
  try {
    await loadAthenaPrelude(session);
    return await work(session);
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new KeystoneError('KS_INTERRUPTED', 'building gold was stopped; what was committed stays', {
      hint: 'keystone gold run',
      cause: error,
    });
  } finally {
    signal?.removeEventListener('abort', interrupt);
    await session.close();
  }
}

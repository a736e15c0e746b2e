/**
 * The composition root of core: the only place that opens adapters (engines: `open-engines.ts`). Everything is opened on first use, so a
 * command pays for what it touches, and closed together.
 */
import { access as accessFile } from 'node:fs/promises';
import type { Clock } from './clock.js';
import type { ResolvedConfig } from './config/config.js';
import type { Contract } from './contract/contract.js';
import type { DuckSession, DuckSessionOptions } from './engine/duckdb/duck-session.js';
import type { SqlEngine } from './engine/sql-engine.js';
import type { Logger } from './logging/logger.js';
import type { Metrics } from './metrics/metrics.js';
import type { StatementEngine } from './engine/statement-engine.js';
import type { EventLog } from './log/event-log.js';
import { openEngines } from './open-engines.js';
import { openOnce } from './open-once.js';
import type { Breakers } from './resilience/open-breakers.js';
import type { Degradation } from './resilience/degradation.js';
import type { DegradationMemory } from './resilience/kept-degradation.js';
import { UNGUARDED, type Guard } from './resilience/guard.js';
import { isGuarded, type GuardedService } from './resilience/guarded-service.js';
import type { StateStore } from './state/state-store.js';
import type { ObjectStore } from './store/object-store.js';
import type { Catalog } from './table/catalog.js';
import type { ReaderCatalog } from './table/reader-catalog.js';
import type { Table, TableDefinition, TableName } from './table/table-api.js';

/** What every core function may need of the outside world. */
export interface Effects {
  readonly clock: Clock;
  /** Random bytes for ids. */
  readonly randomBytes: (length: number) => Uint8Array;
  /**
   * Gives memory back now. V8 lets the garbage of long-lived batches grow to several times what is alive, and a process that
   * promises a memory bound cannot wait for it (measured: 400 MB of heap for 75 MB alive). Absent: nothing happens.
   */
  readonly collectGarbage?: () => void;
  /** Identifies this process as a lease holder, e.g. `host/pid/random`. */
  readonly processName: string;
  /** Where the process tells about its work; absent: nowhere. */
  readonly logger?: Logger;
  /** Where the process counts; absent: nowhere. */
  readonly metrics?: Metrics;
  /** Where secrets given as `env:NAME` are read; absent: none is set. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export type EngineName = ResolvedConfig['profile']['engine']['adapter'];

export interface Lakehouse {
  readonly config: ResolvedConfig;
  readonly effects: Effects;
  log(): Promise<EventLog>;
  store(): Promise<ObjectStore>;
  /** Which metadata file of each table is current; the stages of the way ask for tables, only the care of tables asks for this. */
  catalog(): Promise<Catalog>;
  /** Tables for readers who know no Iceberg; null where no catalog holds any. */
  readerCatalog(): Promise<ReaderCatalog | null>;
  state(): Promise<StateStore>;
  /** An engine that answers queries; without a name DuckDB, which is always there and whose SQL the stages speak. */
  engine(name?: EngineName): Promise<SqlEngine>;
  /** A service in whose SQL tables are built and checked; throws KS_CONFIG where it cannot see the lake. */
  statements(name: StatementEngine['name']): Promise<StatementEngine>;
  /** All contracts by dataset; throws KS_CONTRACT when one is invalid. */
  contracts(): Promise<ReadonlyMap<string, Contract>>;
  /** An existing table, or null. */
  table(name: TableName): Promise<Table | null>;
  /** Opens the table, creating it or adding missing optional columns. */
  ensureTable(definition: TableDefinition): Promise<Table>;
  /** Names of all tables of the lake, ordered. */
  tableNames(): Promise<readonly TableName[]>;
  /** A private DuckDB session for building and checking tables; the caller closes it. */
  duck(options?: Partial<Omit<DuckSessionOptions, 'tempDir'>>): Promise<DuckSession>;
  /** Fetches `s3://bucket/key` (ending in `/`: what lies right below it) into `folder`; resolves to the local file or folder. */
  fetch(uri: string, folder: string, signal: AbortSignal): Promise<string>;
  /** How much of the work is done now (`resilience/degradation.ts`); null: nobody can tell. Never throws, never waits for long. */
  degradation(): Promise<Degradation | null>;
  close(): Promise<void>;
}

export function openLakehouse(config: ResolvedConfig, effects: Effects): Lakehouse {
  const { profile } = config;
  const opening = openOnce();
  const { once } = opening;
  const briefly = once(async () => {
    const { briefState } = await import('./resilience/brief-state.js');
    return briefState(state, effects.clock);
  });
  let isStateOpen = false;
  let openedBreakers: Breakers | undefined;
  const breakers = once(async () => {
    const { openBreakers } = await import('./resilience/open-breakers.js');
    const onChange = (): void => void degradation().then((watch) => watch.lookAgain());
    openedBreakers = openBreakers({ profile, effects, state: await briefly(), onChange });
    return openedBreakers;
  });
  /** What lies on this machine is not guarded, and pays nothing. */
  const guardOf = async (service: GuardedService): Promise<Guard> =>
    isGuarded(profile, service) ? (await breakers()).guard(service) : UNGUARDED;
  const degradation = once(async () => {
    const { degradationWatch } = await import('./resilience/degradation-watch.js');
    const { briefState } = await import('./resilience/brief-state.js');
    const isThere = async (): Promise<boolean> => profile.state.adapter !== 'sqlite' || (await isFile(profile.state.path));
    const look = once(
      async () => (await import('./state/look-at-sqlite.js')).lookAtSqlite(profile.state.path),
      async (opened) => opened.close(),
    );
    const memory = briefState(
      async (): Promise<DegradationMemory> => (isStateOpen || profile.state.adapter !== 'sqlite' ? state() : look()),
      effects.clock,
    );
    return degradationWatch({ effects, profile, state: memory, isThere, own: () => openedBreakers?.ownState() ?? null });
  });
  const state = once(
    async () => {
      if (profile.state.adapter === 'postgres') {
        const { openPostgresFromConfig } = await import('./state/open-postgres.js');
        const { guardedState } = await import('./resilience/guarded-state.js');
        const guard = await guardOf('state');
        return guardedState(await guard(() => openPostgresFromConfig(config, effects)), guard);
      }
      const { openSqliteState } = await import('./state/sqlite-state.js');
      isStateOpen = true;
      return openSqliteState({ path: profile.state.path, clock: effects.clock });
    },
    (opened) => opened.close(),
  );
  const store = once(async () => {
    if (profile.store.adapter === 's3') {
      const { openS3Store } = await import('./store/s3-store.js');
      const { s3 } = profile.store;
      const guard = await guardOf('store');
      const open = async (bucket = s3.bucket): Promise<ObjectStore> => {
        const place = { ...s3, ...(bucket === undefined ? {} : { bucket }) };
        const { env = {}, logger, metrics } = effects;
        const access = { env, projectDir: config.projectDir, logger, metrics };
        const opened = await openS3Store({ s3: place, ...access, clock: effects.clock, guard });
        opening.closeLast(opened.close); // the engine reads its local copies
        return opened;
      };
      const base = await open();
      const layers = new Map<string, ObjectStore>();
      for (const [layer, bucket] of Object.entries(s3.buckets)) layers.set(layer, await open(bucket));
      if (layers.size === 0) return base;
      const { layeredStore } = await import('./store/layered-store.js');
      return layeredStore(base, layers);
    }
    const { openFolderStore } = await import('./store/folder-store.js');
    return openFolderStore(profile.store.path);
  });
  const glue = once(
    async () => {
      const { openGlueFromConfig } = await import('./table/glue/open-glue.js');
      return openGlueFromConfig(config, effects, await store());
    },
    (opened) => opened.close(),
  );
  const catalog = once(async () => {
    if (profile.catalog.adapter === 'glue') {
      const { catalog: opened } = await glue();
      const { guardedCatalog } = await import('./resilience/guarded-catalog.js');
      return guardedCatalog(opened, await guardOf('catalog'));
    }
    const { openFolderCatalog } = await import('./table/folder-catalog.js');
    return openFolderCatalog(await store());
  });
  const table: Lakehouse['table'] = async (name) => {
    const { openTable } = await import('./table/table.js');
    return openTable(await catalog(), await store(), name, effects);
  };
  const tableNames: Lakehouse['tableNames'] = async () => (await catalog()).tableNames();
  const { duck, engine, statements } = openEngines({
    config,
    effects,
    store,
    table,
    tableNames,
    opening,
    guardOf,
    lakehouse: () => lakehouse,
  });
  const lakehouse: Lakehouse = {
    config,
    effects,
    log: once(
      async () => {
        if (profile.log.adapter === 'kafka') {
          const { openKafkaLog } = await import('./log/kafka-log.js');
          const secrets = { env: effects.env ?? {}, projectDir: config.projectDir };
          const { guardedLog } = await import('./resilience/guarded-log.js');
          const opened = await openKafkaLog({ ...effects, kafka: profile.log.kafka, secrets });
          return guardedLog(opened, await guardOf('log'));
        }
        const { openEmbeddedLog } = await import('./log/embedded-log.js');
        return openEmbeddedLog({ path: profile.log.path, clock: effects.clock });
      },
      (log) => log.close(),
    ),
    store,
    catalog,
    readerCatalog: async () => (profile.catalog.adapter === 'glue' ? (await glue()).readers : null),
    state,
    engine: async (name = 'duckdb') => engine(name),
    statements,
    contracts: once(async () => {
      const { loadContracts } = await import('./contract/load-contracts.js');
      return loadContracts(config.contracts);
    }),
    table,
    ensureTable: async (definition) => {
      const { ensureTable } = await import('./table/table.js');
      return ensureTable(await catalog(), await store(), definition, effects);
    },
    tableNames,
    duck,
    fetch: async (uri, folder, signal) => {
      const { fetchS3 } = await import('./store/s3-files.js');
      return fetchS3(uri, folder, { s3: profile.store.s3, env: effects.env ?? {}, projectDir: config.projectDir, signal });
    },
    degradation: async () => (await degradation()).now(),
    close: async () => {
      await openedBreakers?.settled();
      await opening.close();
    },
  };
  return lakehouse;
}

const isFile = (file: string): Promise<boolean> =>
  accessFile(file).then(
    () => true,
    () => false,
  );

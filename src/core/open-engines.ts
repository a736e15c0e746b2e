/**
 * The engines of a lakehouse: DuckDB, which is always there, and the services that see its tables through Glue. Part of the composition
 * root (`lakehouse.ts`): what is opened here is closed with it.
 */
import path from 'node:path';
import type { RemoteAccess, RemoteEngineOptions } from './engine/remote/remote-engine.js';
import type { RemoteService } from './engine/remote/remote-service.js';
import type { SqlEngine } from './engine/sql-engine.js';
import type { StatementEngine } from './engine/statement-engine.js';
import { KeystoneError, messageOf } from './errors.js';
import type { EngineName, Lakehouse } from './lakehouse.js';
import type { OpenOnce } from './open-once.js';
import { engineService, type GuardedService } from './resilience/guarded-service.js';
import type { Guard } from './resilience/guard.js';
import { localLakeFolder } from './store/lake-place.js';
import { randomUnit, randomUuid } from './table/random-names.js';

export interface Engines {
  /** A private DuckDB session, which its caller closes. @throws KeystoneError KS_ENGINE where it has no place to spill. */
  readonly duck: Lakehouse['duck'];
  /** Answers queries. @throws KeystoneError KS_CONFIG where the service cannot see the lake. */
  engine(name: EngineName): Promise<SqlEngine>;
  /** Builds and checks tables. @throws KeystoneError KS_CONFIG as above. */
  readonly statements: Lakehouse['statements'];
}

export interface EnginesOptions extends Pick<Lakehouse, 'config' | 'effects' | 'store' | 'table' | 'tableNames'> {
  readonly opening: OpenOnce;
  readonly guardOf: (service: GuardedService) => Promise<Guard>;
  /** Where statements are recorded; asked when a service is opened. */
  readonly lakehouse: () => Lakehouse;
}

/** Opens nothing yet. */
export function openEngines(options: EnginesOptions): Engines {
  const { config, effects, store, table, tableNames, guardOf } = options;
  const { once, closeFirst } = options.opening;
  const { profile } = config;
  const tempDir = path.join(path.dirname(profile.state.path), 'tmp');
  const duck: Lakehouse['duck'] = async (asked = {}) => {
    const { openDuckSession } = await import('./engine/duckdb/duck-session.js');
    const { makeFolder } = await import('./store/make-folder.js');
    await makeFolder(tempDir).catch((error: unknown) => {
      throw new KeystoneError('KS_ENGINE', `the folder ${tempDir} cannot be made: ${messageOf(error)}`, {
        hint: 'DuckDB spills there, beside the state file: check state.path with keystone config show',
        cause: error,
      });
    });
    return openDuckSession({ memoryLimitBytes: profile.engine.memory, threads: profile.engine.threads, ...asked, tempDir });
  };
  /** What services need beside their own settings. */
  const remote = (): Omit<RemoteEngineOptions, 'service' | 'catalog'> & RemoteAccess => ({
    databasePrefix: profile.catalog.glue.databasePrefix,
    tableNames,
    table,
    env: effects.env ?? {},
    projectDir: config.projectDir,
    clock: effects.clock,
    random: () => randomUnit(effects.randomBytes),
    logger: effects.logger,
    metrics: effects.metrics,
  });
  const guarded = async (engine: SqlEngine, name: 'athena' | 'trino'): Promise<SqlEngine> => {
    const { guardedEngine } = await import('./resilience/guarded-engine.js');
    return guardedEngine(engine, await guardOf(engineService(profile, name)));
  };
  const requireGlue = (name: EngineName): void => {
    if (name === 'duckdb' || profile.catalog.adapter === 'glue') return;
    throw new KeystoneError('KS_CONFIG', `${name} sees tables of the Glue catalog, and those of this lake are in a folder's`, {
      hint: 'set catalog.adapter: glue (with store.adapter: s3), or take --engine duckdb',
    });
  };
  const closeEngine = (engine: SqlEngine): Promise<void> => engine.close();
  const engines: Readonly<Record<EngineName, () => Promise<SqlEngine>>> = {
    duckdb: once(async () => {
      const { openDuckEngine } = await import('./engine/duckdb/duck-engine.js');
      const readableFolders = [localLakeFolder(profile)];
      return openDuckEngine({ session: await duck(), tableNames, table, store: await store(), readableFolders });
    }, closeEngine),
    athena: once(async () => {
      const { openAthenaEngine } = await import('./engine/athena/athena-engine.js');
      const token = (): string => randomUuid(effects.randomBytes);
      return guarded(await openAthenaEngine({ ...remote(), athena: profile.engine.athena, token }), 'athena');
    }, closeEngine),
    trino: once(async () => {
      const { openTrinoEngine } = await import('./engine/trino/trino-engine.js');
      return guarded(await openTrinoEngine({ ...remote(), trino: profile.engine.trino }), 'trino');
    }, closeEngine),
  };
  const services: Readonly<Record<StatementEngine['name'], () => Promise<StatementEngine>>> = {
    athena: once(async () => {
      const { openAthenaService } = await import('./engine/athena/athena-engine.js');
      const token = (): string => randomUuid(effects.randomBytes);
      return statementsOf(await openAthenaService({ ...remote(), athena: profile.engine.athena, token }), 'athena');
    }),
    trino: once(async () => {
      const { openTrinoService } = await import('./engine/trino/trino-engine.js');
      return statementsOf(await openTrinoService({ ...remote(), trino: profile.engine.trino }), 'trino');
    }),
  };
  const statementsOf = async (service: RemoteService, name: StatementEngine['name']): Promise<StatementEngine> => {
    closeFirst(() => service.close());
    const { remoteStatements } = await import('./engine/remote/remote-statements.js');
    const { databasePrefix } = profile.catalog.glue;
    const { recordedStatements } = await import('./cost/recorded-statements.js');
    const statements = remoteStatements({ service, catalog: profile.engine[name].catalog, databasePrefix });
    return recordedStatements(options.lakehouse(), statements);
  };
  return {
    duck,
    engine: async (name) => {
      requireGlue(name);
      return engines[name]();
    },
    statements: async (name) => {
      requireGlue(name);
      return services[name]();
    },
  };
}

/** The Athena of `engine.athena` as the engine of a lake. */
import type { SqlEngine } from '../sql-engine.js';
import { openRemoteEngine, type RemoteAccess, type RemoteEngineOptions } from '../remote/remote-engine.js';
import { type AthenaAccess, athenaPlace, openAthenaClient } from './athena-client.js';
import { athenaService } from './athena-service.js';

export interface AthenaEngineOptions extends RemoteAccess, AthenaAccess, Omit<RemoteEngineOptions, 'service' | 'catalog'> {
  /** Unique for each statement. */
  readonly token: () => string;
}

/** Nothing is sent yet. @throws KeystoneError KS_CONFIG. */
export async function openAthenaEngine(options: AthenaEngineOptions): Promise<SqlEngine> {
  const { athena, env, projectDir, clock, random, token, ...lake } = options;
  const service = athenaService({
    client: await openAthenaClient({ athena, env, projectDir }),
    place: athenaPlace(athena),
    workgroup: athena.workgroup,
    ...(athena.output === undefined ? {} : { output: athena.output }),
    catalog: athena.catalog,
    reuseMs: athena.reuse,
    timeoutMs: athena.timeout,
    clock,
    random,
    token,
  });
  return openRemoteEngine({ ...lake, service, catalog: athena.catalog });
}

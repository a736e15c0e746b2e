/** The Athena of `engine.athena` as the engine of a lake. */
import type { SqlEngine } from '../sql-engine.js';
import type { RemoteService } from '../remote/remote-service.js';
import { openRemoteEngine, type RemoteAccess, type RemoteEngineOptions } from '../remote/remote-engine.js';
import { type AthenaAccess, athenaPlace, openAthenaClient } from './athena-client.js';
import { athenaService } from './athena-service.js';

export interface AthenaServiceOptions extends RemoteAccess, Pick<AthenaAccess, 'athena'> {
  /** Unique for each statement. */
  readonly token: () => string;
}

/** Nothing is sent yet. @throws KeystoneError KS_CONFIG. */
export async function openAthenaService(options: AthenaServiceOptions): Promise<RemoteService> {
  const { athena, clock, random, token } = options;
  return athenaService({
    client: await openAthenaClient(options),
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
}

/** Nothing is sent yet. @throws KeystoneError KS_CONFIG. */
export const openAthenaEngine = async (
  options: AthenaServiceOptions & Omit<RemoteEngineOptions, 'service' | 'catalog'>,
): Promise<SqlEngine> =>
  openRemoteEngine({ ...options, service: await openAthenaService(options), catalog: options.athena.catalog });

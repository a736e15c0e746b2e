/** The Trino of `engine.trino` as the engine of a lake. */
import type { ProfileConfig } from '../../config/config.js';
import { resolveSecret } from '../../config/secrets.js';
import { KeystoneError } from '../../errors.js';
import type { SqlEngine } from '../sql-engine.js';
import type { RemoteService } from '../remote/remote-service.js';
import { openRemoteEngine, type RemoteAccess, type RemoteEngineOptions } from '../remote/remote-engine.js';
import { trinoService } from './trino-service.js';

export interface TrinoServiceOptions extends RemoteAccess {
  readonly trino: ProfileConfig['engine']['trino'];
}

/** Nothing is sent yet. @throws KeystoneError KS_CONFIG. */
export async function openTrinoService(options: TrinoServiceOptions): Promise<RemoteService> {
  const { trino, env, projectDir, clock, random, logger, metrics } = options;
  if (trino.url === undefined || !URL.canParse(trino.url)) {
    throw new KeystoneError('KS_CONFIG', 'the engine is trino and engine.trino.url is not set, or no address', {
      hint: 'name the coordinator: profiles.<name>.engine.trino.url in keystone.yaml, or --set engine.trino.url=http://host:8080',
    });
  }
  const password = trino.password === undefined ? undefined : await resolveSecret(trino.password, { env, projectDir });
  return trinoService({
    url: trino.url,
    user: trino.user,
    ...(password ? { password } : {}),
    catalog: trino.catalog,
    timeoutMs: trino.timeout,
    clock,
    random,
    logger,
    metrics,
  });
}

/** Nothing is sent yet. @throws KeystoneError KS_CONFIG. */
export const openTrinoEngine = async (
  options: TrinoServiceOptions & Omit<RemoteEngineOptions, 'service' | 'catalog'>,
): Promise<SqlEngine> =>
  openRemoteEngine({ ...options, service: await openTrinoService(options), catalog: options.trino.catalog });

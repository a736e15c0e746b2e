/** The services that answer queries, started once for a test file: S3, Glue, Trino, and Athena's API in front of Trino. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { keystoneConfig, profileConfig, type ResolvedConfig } from '../../src/core/config/config.js';
import { type EngineName, type Lakehouse, openLakehouse } from '../../src/core/lakehouse.js';
import { type AthenaShim, startAthenaShim } from '../services/athena-shim.js';
import { installMinistack, type Ministack, startMinistack } from '../services/ministack.js';
import { installTrino, startTrino, type Trino } from '../services/trino.js';
import { ACCESS_KEY, installVersitygw, SECRET_KEY, startVersitygw, type Versitygw } from '../services/versitygw.js';
import { systemEffects } from '../support/effects.js';
import { GLUE_ENV, glueSettings } from './glue-server.js';
import { S3_ENV } from './s3-server.js';

const programs = { s3: await installVersitygw(), aws: await installMinistack(), trino: await installTrino() };

/** False where one of them can't be installed. */
export const hasQueryServices = programs.s3 !== null && programs.aws !== null && programs.trino !== null;
if (!hasQueryServices)
  process.stderr.write('Skipped: Go, Python or Maven is missing here, so there is no Trino over S3 and Glue.\n');

export const QUERY_ENV = { ...S3_ENV, ...GLUE_ENV };

export interface QueryServices {
  readonly s3: Versitygw;
  readonly aws: Ministack;
  readonly trino: Trino;
  readonly athena: AthenaShim;
}

/** Call once in a test file; the services run while its tests do. */
export function queryServices(): () => QueryServices {
  let services: QueryServices | undefined;
  const closers: (() => Promise<void>)[] = [];
  beforeAll(async () => {
    if (programs.s3 === null || programs.aws === null || programs.trino === null) return;
    const s3 = await startVersitygw(programs.s3);
    closers.push(s3.stop);
    const aws = await startMinistack(programs.aws);
    closers.push(aws.stop);
    const places = { s3Url: s3.endpoint, glueUrl: aws.endpoint, accessKey: ACCESS_KEY, secretKey: SECRET_KEY };
    const trino = await startTrino(programs.trino, places);
    closers.push(trino.remove);
    const athena = await startAthenaShim({ ...places, trinoUrl: trino.url });
    closers.push(athena.stop);
    services = { s3, aws, trino, athena };
  });
  afterAll(async () => {
    for (const close of closers.toReversed()) await close();
  });
  return () => {
    if (!services) throw new Error('there are no query services');
    return services;
  };
}

/** `keystone.yaml`'s profile of a fresh lake on these services, with databases of its own; results of Athena lie in the same bucket. */
export async function queryProfile(
  { s3, aws, trino, athena }: QueryServices,
  adapter: EngineName,
  engine: Readonly<Record<string, unknown>> = {},
): Promise<Record<string, unknown>> {
  const bucket = `lake-${randomBytes(6).toString('hex')}`;
  await s3.makeBucket(bucket);
  const keys = { accessKeyId: 'env:KS_TEST_S3_KEY', secretAccessKey: 'env:KS_TEST_S3_SECRET' };
  const { endpoint, accessKeyId, secretAccessKey, databasePrefix } = glueSettings(aws.endpoint);
  return {
    store: { adapter: 's3', s3: { bucket, prefix: 'lakes/main', endpoint: s3.endpoint, pathStyle: true, ...keys } },
    catalog: { adapter: 'glue', glue: { endpoint, accessKeyId, secretAccessKey, databasePrefix } },
    engine: {
      adapter,
      athena: { endpoint: athena.endpoint, ...keys, output: `s3://${bucket}/results/` },
      trino: { url: trino.url },
      ...engine,
    },
  };
}

export interface OpenedLake {
  readonly lakehouse: Lakehouse;
  readonly close: () => Promise<void>;
}

/** A lake on the services, opened in this process; `close` removes what lies on this machine. `settings`: a profile that was made before. */
export async function openQueryLake(
  services: QueryServices,
  adapter: EngineName,
  engine: Readonly<Record<string, unknown>> = {},
  overrides: Partial<Pick<ResolvedConfig, 'contracts' | 'models'>> = {},
  settings?: Readonly<Record<string, unknown>>,
): Promise<OpenedLake> {
  const projectDir = await mkdtemp(path.join(os.tmpdir(), 'keystone-test-'));
  const given = profileConfig.parse(settings ?? (await queryProfile(services, adapter, engine)));
  const inside = (place: string): string => path.join(projectDir, place);
  const profile = {
    ...given,
    log: { ...given.log, path: inside(given.log.path) },
    state: { ...given.state, path: inside(given.state.path) },
    store: { ...given.store, s3: { ...given.store.s3, cache: inside('cache') } },
  };
  const root = path.resolve(import.meta.dirname, '../..');
  const { profiles: _, ...config } = keystoneConfig.parse({});
  const lakehouse = openLakehouse(
    {
      ...config,
      contracts: path.join(root, 'templates/contracts'),
      models: path.join(root, 'templates/models'),
      ...overrides,
      profileName: 'production',
      profile,
      projectDir,
      configPath: path.join(projectDir, 'keystone.yaml'),
    },
    { ...systemEffects(), env: QUERY_ENV },
  );
  return {
    lakehouse,
    close: async () => {
      await lakehouse.close();
      await rm(projectDir, { recursive: true, force: true });
    },
  };
}

/** One S3 server for the tests of a file, a bucket and prefix of its own for each test. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { profileConfig, type ProfileConfig } from '../../src/core/config/config.js';
import { openS3Store, type S3Store } from '../../src/core/store/s3-store.js';
import { ACCESS_KEY, installVersitygw, SECRET_KEY, startVersitygw, type Versitygw } from '../services/versitygw.js';
import { systemEffects } from '../support/effects.js';
import { tempDir } from '../support/temp-dir.js';

const program = await installVersitygw();
if (program === null) process.stderr.write('Skipped: there is no Go here, so no S3 server.\n');

/** False where there is no Go to build the server. */
export const hasS3 = program !== null;
export const S3_ENV = { KS_TEST_S3_KEY: ACCESS_KEY, KS_TEST_S3_SECRET: SECRET_KEY };

/** Call once in a test file; the server runs while its tests do. */
export function s3Server(): () => Versitygw {
  let server: Versitygw | undefined;
  beforeAll(async () => {
    if (program !== null) server = await startVersitygw(program);
  });
  afterAll(() => server?.stop());
  return () => {
    if (!server) throw new Error('there is no S3 server');
    return server;
  };
}

/** Settings of a fresh bucket, with a cache of its own. */
export async function freshBucket(
  server: Versitygw,
  settings: Record<string, unknown> = {},
): Promise<ProfileConfig['store']['s3']> {
  const bucket = `lake-${randomBytes(6).toString('hex')}`;
  await server.makeBucket(bucket);
  return s3Settings(server.endpoint, bucket, path.join(await tempDir(), 'cache'), settings);
}

const s3Settings = (
  endpoint: string,
  bucket: string,
  cache: string,
  settings: Record<string, unknown> = {},
): ProfileConfig['store']['s3'] =>
  profileConfig.parse({
    store: {
      s3: {
        bucket,
        prefix: 'lakes/main',
        endpoint,
        pathStyle: true,
        accessKeyId: 'env:KS_TEST_S3_KEY',
        secretAccessKey: 'env:KS_TEST_S3_SECRET',
        cache,
        ...settings,
      },
    },
  }).store.s3;

export async function openStore(
  s3: ProfileConfig['store']['s3'],
  env: Readonly<Record<string, string>> = S3_ENV,
): Promise<S3Store> {
  const store = await openS3Store({ s3, env, projectDir: '/', clock: systemEffects().clock });
  onTestFinished(() => store.close());
  return store;
}

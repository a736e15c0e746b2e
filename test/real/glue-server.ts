/** One stand-in of Glue for the tests of a file; each test has databases of its own by their prefix. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { profileConfig, type ProfileConfig } from '../../src/core/config/config.js';
import type { ObjectStore } from '../../src/core/store/object-store.js';
import type { Catalog } from '../../src/core/table/catalog.js';
import { openGlueCatalog } from '../../src/core/table/glue/glue-catalog.js';
import { type Glue, openGlue } from '../../src/core/table/glue/glue-client.js';
import { installMinistack, startMinistack, type Ministack } from '../services/ministack.js';
import { systemEffects } from '../support/effects.js';

const program = await installMinistack();
if (program === null) process.stderr.write('Skipped: there is no Python here, so no Glue.\n');

/** False where there is no Python to run it. */
export const hasGlue = program !== null;

/** What a child process needs to be somebody. */
export const GLUE_ENV = { KS_TEST_GLUE_KEY: 'glue-key', KS_TEST_GLUE_SECRET: 'glue-secret' };

/** Call once in a test file; the server runs while its tests do. */
export function glueServer(): () => Ministack {
  let server: Ministack | undefined;
  beforeAll(async () => {
    if (program !== null) server = await startMinistack(program);
  });
  afterAll(() => server?.stop());
  return () => {
    if (!server) throw new Error('there is no Glue');
    return server;
  };
}

/** Settings with a fresh prefix, so that tests do not see each other's databases. */
export const glueSettings = (endpoint: string, settings: Record<string, unknown> = {}): ProfileConfig['catalog']['glue'] =>
  profileConfig.parse({
    catalog: {
      glue: {
        endpoint,
        accessKeyId: 'env:KS_TEST_GLUE_KEY',
        secretAccessKey: 'env:KS_TEST_GLUE_SECRET',
        databasePrefix: `t${randomBytes(5).toString('hex')}_`,
        ...settings,
      },
    },
  }).catalog.glue;

export async function openTestGlue(glue: ProfileConfig['catalog']['glue']): Promise<Glue> {
  const opened = await openGlue({ glue, env: GLUE_ENV, projectDir: '/', ...systemEffects() });
  onTestFinished(() => opened.close());
  return opened;
}

export async function openTestCatalog(glue: ProfileConfig['catalog']['glue'], store: ObjectStore): Promise<Catalog> {
  return openGlueCatalog({ glue: await openTestGlue(glue), store, randomBytes: systemEffects().randomBytes, mustProve: true });
}

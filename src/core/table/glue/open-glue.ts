/** The Glue catalog that a project's configuration asks for. */
import type { ResolvedConfig } from '../../config/config.js';
import { KeystoneError } from '../../errors.js';
import type { RetryListeners } from '../../resilience/tell-retry.js';
import type { ObjectStore } from '../../store/object-store.js';
import type { Catalog } from '../catalog.js';
import type { TableEffects } from '../commit-loop.js';
import { openGlueCatalog } from './glue-catalog.js';
import { openGlue } from './glue-client.js';
import { openGlueReaderCatalog } from './glue-reader-catalog.js';
import type { ReaderCatalog } from '../reader-catalog.js';

interface GlueEffects extends TableEffects, RetryListeners {
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface OpenedGlue {
  readonly catalog: Catalog;
  /** Tables for readers of plain Hive. */
  readonly readers: ReaderCatalog;
  readonly close: () => Promise<void>;
}

/** Throws KS_CONFIG when the lake is none that Glue can name, or the settings do not fit together. */
export async function openGlueFromConfig(
  { profile, projectDir }: ResolvedConfig,
  { clock, randomBytes, env = {}, logger, metrics }: GlueEffects,
  store: ObjectStore,
): Promise<OpenedGlue> {
  if (profile.store.adapter !== 's3') {
    throw new KeystoneError('KS_CONFIG', `catalog.adapter is glue and store.adapter is ${profile.store.adapter}`, {
      hint: 'Glue names tables in S3 alone: set store.adapter to s3, or catalog.adapter to folder.',
    });
  }
  const settings = profile.catalog.glue;
  const glue = await openGlue({
    glue: settings,
    env,
    projectDir,
    clock,
    randomBytes,
    logger,
    metrics,
  });
  const catalog = openGlueCatalog({ glue, store, randomBytes, mustProve: settings.endpoint !== undefined });
  return { catalog, readers: openGlueReaderCatalog(glue), close: async () => glue.close() };
}

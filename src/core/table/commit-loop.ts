/**
 * The optimistic loop of every change to a table: build the next metadata on the newest base, swap, and start over on the newer
 * base when another writer was first, after a jittered wait.
 */
import { randomUnit } from './random-names.js';
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { Clock } from '../clock.js';
import type { Catalog, CatalogEntry } from './catalog.js';
import type { TableName } from './table-api.js';
import type { TableMetadata } from './table-metadata.js';

/** What a table needs of the outside world. */
export interface TableEffects {
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** `swap`: try to make this metadata current; `done`: no change is needed or possible. */
export type CommitStep<T> =
  | { readonly kind: 'swap'; readonly metadata: TableMetadata; readonly result: T; readonly onLost?: () => Promise<void> }
  | { readonly kind: 'done'; readonly result: T };

const MAX_TRIES = 50;
const MAX_WAIT_MS = 500;

/** Resolves to `lost` when another writer was first 50 times in a row. Throws KS_NOT_FOUND when the table is gone. */
export async function commitLoop<T>(
  catalog: Catalog,
  name: TableName,
  effects: TableEffects,
  build: (base: CatalogEntry, nowMs: number) => Promise<CommitStep<T>>,
): Promise<{ readonly kind: 'settled'; readonly result: T } | { readonly kind: 'lost'; readonly tries: number }> {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const base = await catalog.load(name);
    if (!base) {
      throw new KeystoneError('KS_NOT_FOUND', `There is no table ${name}`, { hint: 'keystone table list shows all tables.' });
    }
    // Later than the base even when clocks disagree: history and time travel rely on it.
    const nowMs = Math.max(effects.clock.nowMs(), base.metadata['last-updated-ms'] + 1);
    const step = await buildUnlessOvertaken(() => build(base, nowMs), catalog, name, base);
    if (step === null) continue;
    if (step.kind === 'done') return { kind: 'settled', result: step.result };
    if (await catalog.swap(name, base.token, withHistory(step.metadata, base))) return { kind: 'settled', result: step.result };
    await step.onLost?.();
    await effects.clock.sleep(randomUnit(effects.randomBytes) * Math.min(MAX_WAIT_MS, 5 * 2 ** tries));
  }
  return { kind: 'lost', tries: MAX_TRIES };
}

/** null: files of the base are gone because another writer was first and what it left behind has expired. */
async function buildUnlessOvertaken<T>(
  build: () => Promise<CommitStep<T>>,
  catalog: Catalog,
  name: TableName,
  base: CatalogEntry,
): Promise<CommitStep<T> | null> {
  try {
    return await build();
  } catch (error) {
    if (!isKeystoneError(error) || error.code !== 'KS_TABLE_CORRUPT') throw error;
    if ((await catalog.load(name))?.token === base.token) throw error;
    return null;
  }
}

/** Notes the base's metadata file in the log of metadata files. */
function withHistory(next: TableMetadata, base: CatalogEntry): TableMetadata {
  const kept = Math.max(1, Number(next.properties?.['write.metadata.previous-versions-max'] ?? 100));
  const entry = { 'metadata-file': base.location, 'timestamp-ms': base.metadata['last-updated-ms'] };
  return { ...next, 'metadata-log': [...(next['metadata-log'] ?? []), entry].slice(-kept) };
}

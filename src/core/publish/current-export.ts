/** Which export of a dataset is the current one: `publish/<dataset>/current.json` beside the exports, for readers without a catalog and for the next run. */
import { z } from 'zod';
import { KeystoneError } from '../errors.js';
import type { ObjectStore } from '../store/object-store.js';

const currentExport = z.looseObject({
  /** Key of its folder. */
  folder: z.string(),
  /** The one before it, whose readers may not have ended; null at the first. */
  previous: z.string().nullable(),
  /** Id of the snapshot it holds; null for a table without one. */
  snapshot: z.string().nullable(),
  /** Hash of the contract that its comments come from. */
  contract: z.string(),
  rows: z.number(),
  files: z.number(),
  bytes: z.number(),
  /** ISO 8601. */
  publishedAt: z.string(),
});

export type CurrentExport = z.output<typeof currentExport>;

export const exportsFolder = (dataset: string): string => `publish/${dataset}`;
const keyOf = (dataset: string): string => `${exportsFolder(dataset)}/current.json`;

/** null before the first export; the etag is what `writeCurrent` compares. */
export async function readCurrent(
  store: ObjectStore,
  dataset: string,
): Promise<{ readonly current: CurrentExport; readonly etag: string } | null> {
  const stored = await store.get(keyOf(dataset));
  if (stored === null) return null;
  try {
    return { current: currentExport.parse(JSON.parse(new TextDecoder().decode(stored.body))), etag: stored.etag };
  } catch (cause) {
    throw new KeystoneError('KS_STORE', `${store.uri(keyOf(dataset))} does not say which export is current`, {
      hint: 'Delete the file: the next keystone contract publish writes it anew.',
      cause,
    });
  }
}

/** False when another was written since `etag`. */
export async function writeCurrent(
  store: ObjectStore,
  dataset: string,
  current: CurrentExport,
  etag: string | null,
): Promise<boolean> {
  const body = new TextEncoder().encode(`${JSON.stringify(current, null, 2)}\n`);
  const outcome = await store.put(keyOf(dataset), body, etag === null ? { kind: 'ifAbsent' } : { kind: 'ifMatch', etag });
  return outcome.kind === 'stored';
}

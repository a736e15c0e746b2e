/**
 * Whether the log and the lake are still where they were. A handle that is held open goes on answering from a file that was
 * moved away or replaced, and opening a log that is not there would make an empty one in its place: a watch must do neither.
 */
import { stat } from 'node:fs/promises';
import type { ResolvedConfig } from '../config/config.js';
import { KeystoneError, messageOf } from '../errors.js';
import { logPlace } from '../log/log-place.js';
import { lakePlace } from '../store/lake-place.js';

export interface PlacesPresent {
  /** Identity of the log's file; null: it is not there. Brokers are the same as long as they are named so, and say themselves when they are away. */
  readonly log: string | null;
  /** The same of the lake's folder; a bucket is always the same one, and says itself when it is gone. */
  readonly lake: string | null;
}

async function identityOf(path: string, code: 'KS_LOG' | 'KS_STORE'): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}/${ino}`;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return null;
    throw new KeystoneError(code, `${path} cannot be looked at: ${messageOf(cause)}`, { hint: 'keystone doctor', cause });
  }
}

/** Throws KS_LOG or KS_STORE when a place can't be looked at. */
export async function placesPresent({ profile }: ResolvedConfig): Promise<PlacesPresent> {
  const [log, lake] = await Promise.all([
    profile.log.adapter === 'embedded' ? identityOf(profile.log.path, 'KS_LOG') : logPlace(profile),
    profile.store.adapter === 'folder' ? identityOf(profile.store.path, 'KS_STORE') : lakePlace(profile),
  ]);
  return { log, lake };
}

/** Files that lie in buckets, brought here for as long as they are read. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { isKeystoneError, KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { isS3Uri } from '../store/lake-place.js';

export interface FetchedFiles {
  /** The given paths, those of buckets replaced by local ones. */
  readonly paths: readonly string[];
  /** A text in which local paths are the URIs again that were given. */
  named(text: string): string;
}

/** Runs `work` on local files; the fetched ones are removed afterwards. What it throws names the files as they were given. */
export async function withFetchedFiles<T>(
  lakehouse: Lakehouse,
  paths: readonly string[],
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: ReportProgress },
  work: (files: FetchedFiles) => Promise<T>,
): Promise<T> {
  if (!paths.some(isS3Uri)) return work({ paths, named: (text) => text });
  const parent = path.join(path.dirname(lakehouse.config.profile.state.path), 'tmp');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(path.join(parent, 'fetched-'));
  const named = (text: string): string => text.replaceAll(`${folder}/`, 's3://');
  try {
    const local: string[] = [];
    for (const given of paths) {
      if (isS3Uri(given)) progress({ phase: `fetch ${given}`, done: local.length, total: paths.length, unit: 'places' });
      local.push(isS3Uri(given) ? await lakehouse.fetch(given, folder, signal) : given);
    }
    return await work({ paths: local, named });
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    const { code, hint, cause, details } = error;
    throw new KeystoneError(code, named(error.message), {
      cause,
      ...(hint === undefined ? {} : { hint: named(hint) }),
      ...(details === undefined ? {} : { details }),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

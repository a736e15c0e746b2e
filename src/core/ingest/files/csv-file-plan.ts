/** Which files of the given paths are ingested as which dataset, and which are left out and why. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { KeystoneError, messageOf } from '../../errors.js';
import { csvBaseName, datasetOfFile } from './dataset-of-file.js';

export type PlannedFile =
  | { readonly kind: 'ingest'; readonly path: string; readonly dataset: string; readonly sizeBytes: number }
  | { readonly kind: 'skip'; readonly path: string; readonly reason: string };

/**
 * A folder's files in name order (not its sub-folders); other files in it are planned as skipped. With `dataset` every CSV is that one.
 * @throws KeystoneError KS_NOT_FOUND for a missing path, KS_USAGE for a file named by the caller whose dataset is not known.
 */
export async function planCsvFiles(
  paths: readonly string[],
  options: { readonly dataset: string | undefined; readonly datasets: readonly string[] },
): Promise<readonly PlannedFile[]> {
  const planned: PlannedFile[] = [];
  for (const given of paths) {
    const stats = await stat(given).catch((cause: unknown) => {
      throw new KeystoneError('KS_NOT_FOUND', `there is no file or folder ${given}: ${messageOf(cause)}`, {
        hint: `ls -l ${path.dirname(given)}`,
        cause,
      });
    });
    if (!stats.isDirectory()) {
      const dataset = options.dataset ?? datasetOfFile(given, options.datasets);
      if (dataset === null) {
        throw new KeystoneError(
          'KS_USAGE',
          `the name of ${given} does not say which dataset it holds (known: ${options.datasets.join(', ')})`,
          {
            hint: `keystone ingest csv ${given} --dataset NAME`,
          },
        );
      }
      planned.push({ kind: 'ingest', path: given, dataset, sizeBytes: stats.size });
      continue;
    }
    const entries = await readdir(given, { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = path.join(given, entry.name);
      const found = await stat(file).catch(() => null);
      if (!found?.isFile()) {
        planned.push({ kind: 'skip', path: file, reason: 'no file' });
        continue;
      }
      const dataset = csvBaseName(file) === null ? null : (options.dataset ?? datasetOfFile(file, options.datasets));
      if (dataset === null)
        planned.push({
          kind: 'skip',
          path: file,
          reason: csvBaseName(file) === null ? 'not a CSV file' : 'no dataset of that name',
        });
      else planned.push({ kind: 'ingest', path: file, dataset, sizeBytes: found.size });
    }
  }
  return planned;
}

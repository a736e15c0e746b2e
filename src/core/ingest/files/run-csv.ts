/** `ingest csv`: plans the files, opens the destination, streams. */
import path from 'node:path';
import type { Lakehouse } from '../../lakehouse.js';
import type { ReportProgress } from '../../progress.js';
import { planCsvFiles, type PlannedFile } from './csv-file-plan.js';
import { withFetchedFiles } from '../fetched-files.js';
import { ingestCsv, type CsvResult } from './ingest-csv.js';
import { withSink, type Destination } from '../open-sink.js';
import { createResultTally, interruptedWith, type ShownRefusal } from '../result-tally.js';

export interface RunCsvOptions {
  readonly paths: readonly string[];
  /** Dataset of every CSV; undefined: by file name. */
  readonly dataset: string | undefined;
  readonly destination: Destination;
  /** Read and count everything, append nothing. */
  readonly dryRun: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** `accepted` is 0 in a dry run; otherwise `accepted + refused = rows`. */
export interface RunCsvResult extends CsvResult {
  readonly accepted: number;
  readonly refused: number;
  readonly refusals: readonly ShownRefusal[];
  readonly dryRun: boolean;
}

/** The given paths of which nothing is ingested; a file that is given always is. */
const foldersWithoutFiles = (paths: readonly string[], files: readonly PlannedFile[]): readonly string[] => {
  const ingested = files.filter(({ kind }) => kind === 'ingest').map((file) => path.resolve(file.path));
  return paths.filter(
    (given) => !ingested.some((file) => file === path.resolve(given) || path.dirname(file) === path.resolve(given)),
  );
};

export async function runCsv(lakehouse: Lakehouse, options: RunCsvOptions): Promise<RunCsvResult> {
  const { dryRun, progress, signal } = options;
  const contracts = await lakehouse.contracts();
  return withFetchedFiles(lakehouse, options.paths, { signal, progress }, async ({ paths, named }) => {
    const files = await planCsvFiles(paths, { dataset: options.dataset, datasets: [...contracts.keys()] });
    const withoutFiles = foldersWithoutFiles(paths, files).map((folder) => `${folder} holds no CSV file of a known dataset`);
    const tally = createResultTally();
    return withSink(lakehouse, { destination: options.destination, onResults: tally.onResults, signal, dryRun }, async (sink) => {
      const result = await ingestCsv({ files, sink, contracts, progress, signal });
      return {
        ...result,
        ...tally.counts(),
        files: result.files.map((file) => ({
          ...file,
          path: named(file.path),
          message: file.message === null ? null : named(file.message),
        })),
        warnings: [...withoutFiles, ...result.warnings].map(named),
        dryRun,
      };
    }).catch((error: unknown) => {
      throw interruptedWith(error, tally.counts());
    });
  });
}

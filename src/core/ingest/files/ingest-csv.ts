/** `ingest csv`: streams CSV files into a sink, file by file; a bad row costs itself, a bad file costs itself. */
import path from 'node:path';
import type { Contract } from '../../contract/contract.js';
import { isKeystoneError, messageOf } from '../../errors.js';
import type { ReportProgress } from '../../progress.js';
import { datasetWarning, headerWarning } from './csv-header-check.js';
import { csvEvents } from './csv-events.js';
import type { PlannedFile } from './csv-file-plan.js';
import type { EventSink } from '../event-sink.js';
import { fileBytes, interrupted } from './file-bytes.js';

/** What became of one file. `rows` includes `badRows`; `message` says why a file was skipped or failed. */
export interface CsvFileResult {
  readonly path: string;
  readonly dataset: string | null;
  /** `counted`: read in a dry run. */
  readonly status: 'ingested' | 'counted' | 'skipped' | 'failed';
  readonly rows: number;
  readonly badRows: number;
  /** Payload bytes. */
  readonly bytes: number;
  readonly message: string | null;
}

export interface CsvResult {
  readonly files: readonly CsvFileResult[];
  readonly rows: number;
  readonly badRows: number;
  readonly bytes: number;
  /** What a person should look at although the work was done: a dataset without contract, a header that does not fit, no rows. */
  readonly warnings: readonly string[];
}

export interface IngestCsvOptions {
  readonly files: readonly PlannedFile[];
  /** Null: count only (a dry run). */
  readonly sink: EventSink | null;
  /** What headers are compared with. */
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** A file that breaks off or has no usable header is `failed`, the next one goes on. Rejects when the sink fails or on the signal. */
export async function ingestCsv({ files, sink, contracts, progress, signal }: IngestCsvOptions): Promise<CsvResult> {
  const results: CsvFileResult[] = [];
  const warnings = new Set<string>();
  const warn = (text: string | null): void => void (text !== null && warnings.add(text));
  const total = { rows: 0, badRows: 0, bytes: 0 };
  for (const file of files) {
    if (file.kind === 'skip') {
      results.push({ path: file.path, dataset: null, status: 'skipped', rows: 0, badRows: 0, bytes: 0, message: file.reason });
      continue;
    }
    const source = path.basename(file.path);
    const contract = contracts.get(file.dataset);
    warn(datasetWarning(file.dataset, contracts));
    const onHeader = (columns: readonly string[]): void => warn(headerWarning(columns, contract, file.path));
    let rows = 0;
    let badRows = 0;
    let bytes = 0;
    let message: string | null = null;
    progress({ phase: source, done: total.rows, unit: 'rows' });
    try {
      for await (const events of csvEvents(fileBytes(file.path, signal), { dataset: file.dataset, source, onHeader })) {
        if (signal.aborted) throw interrupted(file.path);
        for (const event of events) {
          bytes += event.payload.length;
          if (event.headers.length > 0) badRows++;
        }
        rows += events.length;
        await sink?.send(events);
        progress({ phase: source, done: total.rows + rows, unit: 'rows' });
      }
    } catch (error) {
      if (!isKeystoneError(error) || (error.code !== 'KS_CHECK_FAILED' && error.code !== 'KS_NOT_FOUND')) throw error;
      message = messageOf(error);
    }
    if (message === null && rows === 0) warn(`${file.path} holds no rows`);
    total.rows += rows;
    total.badRows += badRows;
    total.bytes += bytes;
    results.push({
      path: file.path,
      dataset: file.dataset,
      status: message !== null ? 'failed' : sink === null ? 'counted' : 'ingested',
      rows,
      badRows,
      bytes,
      message,
    });
  }
  await sink?.flush();
  return { files: results, ...total, warnings: [...warnings] };
}

/** Brings one uploaded file into a sink, by the same code as `ingest csv` and `ingest replay`, and says what became of it. */
import path from 'node:path';
import { isKeystoneError, KeystoneError } from '../../errors.js';
import type { Lakehouse } from '../../lakehouse.js';
import type { ReportProgress } from '../../progress.js';
import { datasetWarning, headerWarning } from '../files/csv-header-check.js';
import { csvEvents } from '../files/csv-events.js';
import { fileBytes } from '../files/file-bytes.js';
import type { FileEvents } from '../files/file-event.js';
import { lineEvents } from '../files/line-events.js';
import { withSink, type Destination } from '../open-sink.js';
import { sendEvents } from '../send-events.js';
import { messageAboutUpload, type Upload } from './upload-folder.js';
import { datasetOfUpload, uploadKind, type UploadFormat } from './upload-name.js';
import { createUploadTally, type UploadReport } from './upload-report.js';

export interface IngestUploadOptions {
  readonly upload: Upload;
  /** Dataset of every file; undefined: by its name. */
  readonly dataset: string | undefined;
  readonly destination: Destination;
  /** Read and count, append nothing. */
  readonly dryRun: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** The file's own fault, as opposed to a log, disk or server that may be back in a moment. */
const isFaultOfFile = (error: unknown): boolean =>
  isKeystoneError(error) && (error.code === 'KS_CHECK_FAILED' || error.code === 'KS_NOT_FOUND');

/**
 * Resolves once every event is durable or refused for good. A file that cannot be read to its end is `failed` with the reason.
 * @throws KeystoneError what the sink throws, KS_INTERRUPTED, KS_SERVER_UNREACHABLE when the server refused events only for now: then the
 *   file has to come again (its ids make duplicates of what is already in the log).
 */
export async function ingestUpload(lakehouse: Lakehouse, options: IngestUploadOptions): Promise<UploadReport> {
  const { upload, destination, dryRun, progress, signal } = options;
  const { clock } = lakehouse.effects;
  const { ingest } = lakehouse.config;
  const contracts = await lakehouse.contracts();
  const startMs = clock.nowMs();
  const found = uploadKind(path.basename(upload.name));
  const format: UploadFormat | null = found.kind === 'upload' ? found.format : null;
  const dataset = datasetOfUpload(upload.name, options.dataset, [...contracts.keys()]);
  const tally = createUploadTally();
  const warnings = new Set<string>();
  const warn = (text: string | null): void => void (text !== null && warnings.add(text));

  const reportWith = (reason: string | null): UploadReport => ({
    file: upload.name,
    movedTo: null,
    status: reason === null ? 'done' : 'failed',
    reason,
    dataset,
    format,
    sizeBytes: upload.sizeBytes,
    ...tally.counts(),
    warnings: [...warnings],
    startedAt: new Date(startMs).toISOString(),
    durationMs: Math.max(0, Math.round(clock.nowMs() - startMs)),
  });
  if (format === null)
    return reportWith('the name does not say what is in it: it has to end in .csv.gz, .ndjson.gz or .jsonl.gz');
  if (dataset === null) {
    return reportWith(
      `the name does not say which dataset it holds (known: ${[...contracts.keys()].join(', ')}); name the file or its folder after one, or watch with --dataset`,
    );
  }

  const source = path.basename(upload.name);
  warn(datasetWarning(dataset, contracts));
  const bytes = fileBytes(upload.path, signal);
  const onHeader = (columns: readonly string[]): void => warn(headerWarning(columns, contracts.get(dataset), upload.name));
  const maxLineBytes = ingest.maxMessage;
  const onLongLine = (line: number): void => tally.leftOut(line, `longer than ${maxLineBytes} bytes (ingest.maxMessage)`);
  const read: FileEvents =
    format === 'csv'
      ? csvEvents(bytes, { dataset, source, onHeader })
      : lineEvents(bytes, { dataset, source, maxLineBytes, onLongLine });
  const events = async function* (): FileEvents {
    for await (const batch of read) {
      tally.given(batch);
      yield batch;
    }
  };

  let brokenOff: string | null = null;
  await withSink(lakehouse, { destination, onResults: tally.onResults, signal, dryRun }, async (sink) => {
    try {
      await sendEvents({ events: events(), sink, progress, signal, name: upload.name });
    } catch (error) {
      if (!isFaultOfFile(error)) throw error;
      brokenOff = messageAboutUpload(error, upload);
      await sink?.flush();
    }
  });
  const { events: count, refused, leftOut } = tally.counts();
  if (tally.refusedForNow() > 0) {
    throw new KeystoneError(
      'KS_SERVER_UNREACHABLE',
      `the server did not keep ${tally.refusedForNow()} events of ${upload.name} for now`,
      {
        hint: 'see what the server says of its log; the file comes again as it is',
      },
    );
  }
  if (brokenOff !== null) return reportWith(brokenOff);
  if (count === 0 && leftOut === 0) warn(`${upload.name} holds no events`);
  if (refused > 0) return reportWith(`${refused} of ${count} events were refused`);
  return reportWith(leftOut > 0 ? `${leftOut} lines are too long and were left out` : null);
}

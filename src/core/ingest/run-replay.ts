/** `ingest replay`: files of events again, at a steady rate or at a multiple of their original pace. */
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import { datasetWarning, headerWarning } from './csv-header-check.js';
import { csvEvents } from './csv-events.js';
import { csvBaseName, datasetOfFile } from './dataset-of-file.js';
import { fileBytes } from './file-bytes.js';
import type { FileEvents } from './file-event.js';
import { lineEvents } from './line-events.js';
import { createLongLines } from './long-lines.js';
import { withSink, type Destination } from './open-sink.js';
import { originalPace, parseRate, parseSpeed, steadyPace } from './replay-pace.js';
import { createResultTally, type ShownRefusal } from './result-tally.js';
import { sendEvents, type SendCounts } from './send-events.js';

export interface RunReplayOptions {
  /** A `.csv` or `.csv.gz` is read as CSV, anything else as NDJSON; one after the other. */
  readonly paths: readonly string[];
  /** Undefined: by file name, else `ingest.defaultDataset` for NDJSON. */
  readonly dataset: string | undefined;
  /** `500/s`; undefined: as fast as it goes. */
  readonly rate: string | undefined;
  /** `10x`. */
  readonly speed: string | undefined;
  readonly limit: number | undefined;
  readonly destination: Destination;
  readonly dryRun: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** In a dry run `paceMs` says how long the replay would take. */
export interface RunReplayResult extends SendCounts {
  readonly accepted: number;
  readonly refused: number;
  readonly refusals: readonly ShownRefusal[];
  /** NDJSON lines that are longer than `ingest.maxMessage` and were left out. */
  readonly failedLines: number;
  /** A dataset without contract, a header that does not fit, a file without events, lines left out. */
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

/** @throws KeystoneError KS_USAGE for a rate or speed that is none, a dataset that is not known or has no timestamp to follow. */
export async function runReplay(lakehouse: Lakehouse, options: RunReplayOptions): Promise<RunReplayResult> {
  const { dryRun, progress, signal, rate, speed } = options;
  if (rate !== undefined && speed !== undefined) {
    throw new KeystoneError('KS_USAGE', '--rate and --speed exclude each other', {
      hint: 'keystone ingest replay FILE --speed 10x',
    });
  }
  const contracts = await lakehouse.contracts();
  const pace =
    rate !== undefined
      ? steadyPace(parseRate(rate))
      : speed !== undefined
        ? originalPace(parseSpeed(speed), contracts)
        : undefined;
  const { ingest } = lakehouse.config;
  const longLines = createLongLines(ingest.maxMessage);
  const warnings = new Set<string>();
  const warn = (text: string | null): void => void (text !== null && warnings.add(text));

  const eventsOf = (file: string): FileEvents => {
    const named = options.dataset ?? datasetOfFile(file.replace(/\.(ndjson|jsonl|json)(\.gz)?$/i, '.csv'), contracts.keys());
    const source = path.basename(file);
    if (csvBaseName(file) === null) {
      const dataset = named ?? ingest.defaultDataset;
      warn(datasetWarning(dataset, contracts));
      const onLongLine = (line: number): void => longLines.leftOut(file, line);
      return lineEvents(fileBytes(file, signal), { dataset, source, maxLineBytes: ingest.maxMessage, onLongLine });
    }
    if (named === null) {
      throw new KeystoneError('KS_USAGE', `the name of ${file} does not say which dataset it holds`, {
        hint: `keystone ingest replay ${file} --dataset NAME`,
      });
    }
    warn(datasetWarning(named, contracts));
    const contract = contracts.get(named);
    const onHeader = (columns: readonly string[]): void => warn(headerWarning(columns, contract, file));
    return csvEvents(fileBytes(file, signal), { dataset: named, source, onHeader });
  };
  const sources = options.paths.map((file) => ({ file, batches: eventsOf(file) }));
  const events = async function* (): FileEvents {
    for (const { file, batches } of sources) {
      let isEmpty = true;
      for await (const batch of batches) {
        isEmpty = false;
        yield batch;
      }
      if (isEmpty) warn(`${file} holds no events`);
    }
  };

  const tally = createResultTally();
  const name = options.paths.map((file) => path.basename(file)).join(', ');
  const { clock } = lakehouse.effects;
  return withSink(lakehouse, { destination: options.destination, onResults: tally.onResults, signal, dryRun }, async (sink) => {
    const counts = await sendEvents({ events: events(), sink, pace, limit: options.limit, clock, progress, signal, name });
    const told = [...warnings, ...longLines.warnings()];
    return { ...counts, ...tally.counts(), failedLines: longLines.count(), warnings: told, dryRun };
  });
}

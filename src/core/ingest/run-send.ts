/** `ingest send`: NDJSON from a file or a stream, or whole files as raw payloads, to a server or straight into the log. */
import path from 'node:path';
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import type { FileEvents } from './files/file-event.js';
import { fileBytes } from './files/file-bytes.js';
import { lineEvents } from './files/line-events.js';
import { createLongLines } from './files/long-lines.js';
import { withSink, type Destination } from './open-sink.js';
import { rawEvents } from './files/raw-events.js';
import { openReceiptFile } from './files/receipt-file.js';
import { createResultTally, interruptedWith, type ShownRefusal } from './result-tally.js';
import { sendEvents, type SendCounts } from './send-events.js';

export type SendInput =
  | { readonly kind: 'stream'; readonly bytes: AsyncIterable<Uint8Array>; readonly name: string }
  | { readonly kind: 'lines'; readonly path: string }
  | { readonly kind: 'raw'; readonly paths: readonly string[] };

/**
 * What the words of the command name: nothing or `-` is the stream.
 * @throws KeystoneError KS_USAGE for several files without `raw`, or `raw` without files.
 */
export function sendInput(files: readonly string[], raw: boolean, stdin: AsyncIterable<Uint8Array>): SendInput {
  const [first] = files;
  if (raw) {
    if (first === undefined)
      throw new KeystoneError('KS_USAGE', '--raw needs at least one file', { hint: 'keystone ingest send --raw FILE' });
    return { kind: 'raw', paths: files };
  }
  if (files.length > 1) {
    throw new KeystoneError('KS_USAGE', `one NDJSON file at a time, not ${files.length}`, {
      hint: 'keystone ingest send --raw FILE…, or cat them into: keystone ingest send -',
    });
  }
  return first === undefined || first === '-' ? { kind: 'stream', bytes: stdin, name: 'stdin' } : { kind: 'lines', path: first };
}

export interface RunSendOptions {
  readonly input: SendInput;
  readonly destination: Destination;
  /** Undefined: `ingest.defaultDataset`. */
  readonly dataset: string | undefined;
  /** Undefined: the file's name. */
  readonly source: string | undefined;
  /** Where receipts are written as they arrive. */
  readonly receiptsPath: string | undefined;
  /** Count and check the input, send nothing. */
  readonly dryRun: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  /** Told what is waited for. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

export interface RunSendResult extends SendCounts {
  readonly accepted: number;
  readonly refused: number;
  readonly refusals: readonly ShownRefusal[];
  readonly blankLines: number;
  /** Lines that are longer than `ingest.maxMessage` and were left out; `warnings` names the first. */
  readonly failedLines: number;
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

export async function runSend(lakehouse: Lakehouse, options: RunSendOptions): Promise<RunSendResult> {
  const { input, dryRun, progress, signal } = options;
  const { ingest } = lakehouse.config;
  const dataset = options.dataset ?? ingest.defaultDataset;
  let blankLines = 0;
  const longLines = createLongLines(ingest.maxMessage);
  const linesOf = (bytes: AsyncIterable<Uint8Array>, name: string): FileEvents =>
    lineEvents(bytes, {
      dataset,
      source: options.source ?? name,
      maxLineBytes: ingest.maxMessage,
      onLongLine: (line) => longLines.leftOut(name, line),
      onBlankLine: () => blankLines++,
    });
  const events: FileEvents =
    input.kind === 'raw'
      ? rawEvents(input.paths, dataset, options.source)
      : input.kind === 'lines'
        ? linesOf(fileBytes(input.path, signal), path.basename(input.path))
        : linesOf(input.bytes, input.name);
  const name = input.kind === 'raw' ? `${input.paths.length} files` : input.kind === 'lines' ? input.path : input.name;

  const receipts = options.receiptsPath === undefined || dryRun ? null : openReceiptFile(options.receiptsPath);
  const tally = createResultTally(receipts?.onResults);
  try {
    const { destination, onNotice } = options;
    return await withSink(lakehouse, { destination, onResults: tally.onResults, signal, dryRun, onNotice }, async (sink) => {
      const counts = await sendEvents({ events, sink, progress, signal, name });
      return {
        ...counts,
        ...tally.counts(),
        blankLines,
        failedLines: longLines.count(),
        warnings: longLines.warnings(),
        dryRun,
      };
    });
  } catch (error) {
    throw interruptedWith(error, tally.counts());
  } finally {
    receipts?.close();
  }
}

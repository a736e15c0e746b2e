/** CSV, NDJSON and Parquet files that are no recording: their rows become events as they do when the files are ingested. */
import path from 'node:path';
import type { Contract } from '../contract/contract.js';
import { KeystoneError } from '../errors.js';
import type { KeyMode } from '../event/business-key.js';
import { jsonColumns } from '../event/business-key.js';
import { fileEventIds } from '../event/file-event-id.js';
import { keysOf } from '../ingest/accept-event.js';
import { datasetWarning, headerWarning } from '../ingest/files/csv-header-check.js';
import { csvEvents } from '../ingest/files/csv-events.js';
import { csvBaseName, datasetOfFile } from '../ingest/files/dataset-of-file.js';
import { fileBytes } from '../ingest/files/file-bytes.js';
import type { FileEvent, FileEvents } from '../ingest/files/file-event.js';
import { lineEvents } from '../ingest/files/line-events.js';
import type { ReplayEvent, ReplayEvents } from './replay-event.js';

export interface PlainFileOptions {
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly keyMode: KeyMode;
  /** Dataset of every event; undefined: by file name. */
  readonly dataset: string | undefined;
  /** Of NDJSON whose name says nothing. */
  readonly defaultDataset: string;
  readonly maxLineBytes: number;
  readonly onLongLine: (file: string, line: number) => void;
  readonly warn: (text: string | null) => void;
}

export interface PlainFiles {
  /** Which dataset a file's events belong to. @throws KeystoneError KS_USAGE when nothing says it. */
  datasetOf(file: string): string;
  /** Events of a CSV or NDJSON file; the first `skip` are passed over. */
  events(file: string, placed: { readonly stream: string; readonly skip: number }, signal: AbortSignal): ReplayEvents;
  /** Makes events of a Parquet file's rows, in their order. */
  rowEvents(file: string, stream: string): (payload: Uint8Array, position: number) => ReplayEvent;
}

const isTable = (file: string): boolean => csvBaseName(file) !== null || /\.parquet$/i.test(file);
const asCsvName = (file: string): string => file.replace(/\.(ndjson|jsonl|json|parquet)(\.gz)?$/i, '.csv');

export function plainFiles(options: PlainFileOptions): PlainFiles {
  const { contracts, warn } = options;
  const keyFor = keysOf(contracts, options.keyMode);

  const datasetOf = (file: string): string => {
    const named = options.dataset ?? datasetOfFile(asCsvName(file), contracts.keys());
    if (named === null && isTable(file)) {
      throw new KeystoneError('KS_USAGE', `the name of ${file} does not say which dataset it holds`, {
        hint: `keystone ingest replay ${file} --dataset NAME`,
      });
    }
    const dataset = named ?? options.defaultDataset;
    warn(datasetWarning(dataset, contracts));
    return dataset;
  };

  const replayed = (event: FileEvent, stream: string, position: number): ReplayEvent => ({
    stream,
    position,
    origin: null,
    eventId: Buffer.from(event.eventId, 'utf8'),
    dataset: event.dataset,
    source: event.source,
    key: keyFor(event.dataset)(event.eventId, event.valueOf),
    headers: event.headers,
    payload: event.payload,
  });

  return {
    datasetOf,
    events: async function* (file, { stream, skip }, signal) {
      const dataset = datasetOf(file);
      const source = path.basename(file);
      const bytes = fileBytes(file, signal);
      const onHeader = (columns: readonly string[]): void => warn(headerWarning(columns, contracts.get(dataset), file));
      const onLongLine = (line: number): void => options.onLongLine(file, line);
      const batches: FileEvents =
        csvBaseName(file) === null
          ? lineEvents(bytes, { dataset, source, maxLineBytes: options.maxLineBytes, onLongLine })
          : csvEvents(bytes, { dataset, source, onHeader });
      let position = 0;
      for await (const batch of batches) {
        const events: ReplayEvent[] = [];
        for (const event of batch) {
          if (position >= skip) events.push(replayed(event, stream, position));
          position++;
        }
        if (events.length > 0) yield events;
      }
      if (position === 0) warn(`${file} holds no events`);
    },
    rowEvents: (file, stream) => {
      const dataset = datasetOf(file);
      const source = path.basename(file);
      const ids = fileEventIds(dataset);
      return (payload, position) => {
        const eventId = ids.ofPayload(payload);
        return replayed({ payload, dataset, eventId, source, headers: [], valueOf: jsonColumns(payload) }, stream, position);
      };
    },
  };
}

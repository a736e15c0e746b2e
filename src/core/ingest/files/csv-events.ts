/**
 * The rows of a CSV file as events: a good row's payload is one JSON object, a bad row's its raw bytes, with its line and the
 * reason in headers, so that it gets an offset like any event and the consumer can lead it to the error zone.
 */
import { KeystoneError } from '../../errors.js';
import { csvPayloads } from '../../event/csv-payload.js';
import { HEADER_CSV_ERROR, HEADER_CSV_LINE } from '../../event/envelope.js';
import { fileEventIds } from '../../event/file-event-id.js';
import { createCsvScanner, type CsvRecord } from './csv-scanner.js';
import type { FileEvent, FileEvents } from './file-event.js';

export interface CsvEventsOptions {
  readonly dataset: string;
  /** The file's name, for `ks-source` and messages. */
  readonly source: string;
  /** Told the header's names before the first row is read. */
  readonly onHeader?: (columns: readonly string[]) => void;
}

const nothing = (): undefined => undefined;

const badRow = (record: CsvRecord, error: string, dataset: string, source: string, eventId: string): FileEvent => ({
  payload: record.raw,
  dataset,
  eventId,
  source,
  line: record.line,
  headers: [
    { key: HEADER_CSV_LINE, value: Buffer.from(String(record.line), 'latin1') },
    { key: HEADER_CSV_ERROR, value: Buffer.from(error, 'utf8') },
  ],
  valueOf: nothing,
});

/** The header row's names. A file whose header is broken or ambiguous has no columns to put its cells in. */
function columnsOf(header: CsvRecord, source: string): readonly string[] {
  const refuse = (why: string): KeystoneError =>
    new KeystoneError('KS_CHECK_FAILED', `${source}, line ${header.line}: the header row ${why}`, {
      hint: `correct the first row of ${source}`,
    });
  if (header.kind === 'bad') throw refuse(`cannot be read: ${header.error}`);
  const twice = header.cells.find((name, index) => header.cells.indexOf(name) !== index);
  if (twice !== undefined) throw refuse(`names the column ${JSON.stringify(twice)} twice`);
  return header.cells;
}

/**
 * Streams the events of one file; memory is bounded by the chunks of `bytes` and the longest record.
 * @throws KeystoneError KS_CHECK_FAILED for a header that is broken or names a column twice.
 */
export async function* csvEvents(bytes: AsyncIterable<Uint8Array>, options: CsvEventsOptions): FileEvents {
  const { dataset, source } = options;
  const scanner = createCsvScanner();
  const ids = fileEventIds(dataset);
  let columns: readonly string[] | undefined;
  let places: ReadonlyMap<string, number> = new Map();
  let payloadOf = csvPayloads([]);

  const eventOf = (record: CsvRecord, width: number): FileEvent => {
    if (record.kind === 'bad') return badRow(record, record.error, dataset, source, ids.ofBadRow(record.raw));
    const { cells } = record;
    if (cells.length !== width) {
      return badRow(
        record,
        `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'} where the header has ${width}`,
        dataset,
        source,
        ids.ofBadRow(record.raw),
      );
    }
    const valueOf = (column: string): unknown => {
      const place = places.get(column);
      return place === undefined ? undefined : cells[place];
    };
    const payload = payloadOf(cells);
    return { payload, dataset, eventId: ids.ofPayload(payload), source, line: record.line, headers: [], valueOf };
  };
  const eventsOf = (records: readonly CsvRecord[]): readonly FileEvent[] => {
    let from = 0;
    if (!columns) {
      const header = records[0];
      if (!header) return [];
      columns = columnsOf(header, source);
      options.onHeader?.(columns);
      places = new Map(columns.map((name, index) => [name, index]));
      payloadOf = csvPayloads(columns);
      from = 1;
    }
    const events: FileEvent[] = [];
    for (let index = from; index < records.length; index++) events.push(eventOf(records[index] as CsvRecord, columns.length));
    return events;
  };

  for await (const chunk of bytes) {
    const events = eventsOf(scanner.push(chunk));
    if (events.length > 0) yield events;
  }
  const last = eventsOf(scanner.end());
  if (last.length > 0) yield last;
}

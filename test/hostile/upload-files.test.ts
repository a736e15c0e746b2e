/** CSV and NDJSON of any bytes, cut anywhere: against models that know nothing of the scanner. */
import { isUtf8 } from 'node:buffer';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createCsvScanner, type CsvRecord } from '../../src/core/ingest/files/csv-scanner.js';
import { lineEvents } from '../../src/core/ingest/files/line-events.js';
import { bounded, damagedBytes } from './hostile-input.js';

interface Found {
  readonly line: number;
  readonly raw: string;
  /** null: a bad record. */
  readonly cells: readonly string[] | null;
}

const RECORD = /(?:"(?:[^"]|"")*"|[^",\n]*)(?:,(?:"(?:[^"]|"")*"|[^",\n]*))*(?=\r?(?:\n|$))/y;
const CELL = /"((?:[^"]|"")*)"|[^",\n]*/y;

/** One regular expression for a whole record, over one character for each byte; what it does not match costs its first line. */
function model(bytes: Buffer): readonly Found[] {
  const text = bytes.toString('latin1');
  const found: Found[] = [];
  let at = text.startsWith('\u00ef\u00bb\u00bf') ? 3 : 0;
  let line = 1;
  while (at < text.length) {
    RECORD.lastIndex = at;
    let raw = RECORD.exec(text)?.[0];
    const isWhole = raw !== undefined;
    raw ??= text.slice(at).split('\n', 1)[0] ?? '';
    let end = at + raw.length;
    // A lone CR is text, but the one before the line's end belongs to the end.
    if (raw.endsWith('\r')) raw = raw.slice(0, -1);
    else if (text[end] === '\r') end += 1;
    if (text[end] === '\n') end += 1;
    const isGood = isWhole && !raw.includes('\0') && isUtf8(Buffer.from(raw, 'latin1'));
    if (raw !== '') found.push({ line, raw, cells: isGood ? cellsOf(raw) : null });
    line += text.slice(at, end).split('\n').length - 1;
    at = end;
  }
  return found;
}

function cellsOf(raw: string): readonly string[] {
  const cells: string[] = [];
  for (let at = 0; at <= raw.length; at++) {
    CELL.lastIndex = at;
    const [whole = '', quoted] = CELL.exec(raw) ?? [];
    cells.push(Buffer.from(quoted === undefined ? whole : quoted.replaceAll('""', '"'), 'latin1').toString('utf8'));
    at += whole.length;
  }
  return cells;
}

const asFound = (record: CsvRecord): Found => ({
  line: record.line,
  raw: record.raw.toString('latin1'),
  cells: record.kind === 'row' ? record.cells : null,
});

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let from = 0;
  for (const size of sizes) {
    if (from >= bytes.length) return;
    yield bytes.subarray(from, from + size);
    from += size;
  }
  if (from < bytes.length) yield bytes.subarray(from);
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 40 });
const good = Buffer.from('\uFEFForder_id,city\r\n1,"são ""p"", x"\n\n2,"a\r\nb"\r\n"3",\n🙂,é\n', 'utf8');
const csvBytes = fc.oneof(
  fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)),
  fc
    .array(fc.constantFrom(0x22, 0x22, 0x2c, 0x0a, 0x0d, 0x61, 0x00, 0xc3, 0xa9, 0xff, 0xef, 0xbb, 0xbf), { maxLength: 80 })
    .map((bytes) => Buffer.from(bytes)),
  damagedBytes(good),
);

it('the CSV scanner finds in any bytes, however they are cut, what the model finds', () => {
  fc.assert(
    fc.property(csvBytes, sizes, (bytes, cuts) => {
      const scanner = createCsvScanner();
      const records = [...cut(bytes, cuts)].flatMap((chunk) => scanner.push(chunk));
      expect([...records, ...scanner.end()].map(asFound)).toEqual(model(bytes));
    }),
    bounded(20_000, 6_000),
  );
});

it('NDJSON of any bytes gives the lines that are between its line feeds, however they are cut', async () => {
  const MAX = 12;
  const lineBytes = fc.array(fc.constantFrom(0x0a, 0x0a, 0x0d, 0x0d, 0x7b, 0x7d, 0x22, 0x61, 0xef, 0xbb, 0xbf, 0xff, 0x00), {
    maxLength: 80,
  });
  await fc.assert(
    fc.asyncProperty(lineBytes, sizes, async (given, cuts) => {
      const bytes = Buffer.from(given);
      const text = bytes.toString('latin1').replace(/^\u00ef\u00bb\u00bf/, '');
      const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n').map((line) => line.replace(/\r$/, ''));
      if (text === '') lines.length = 0;
      const numbered = lines.map((line, index) => ({ line: index + 1, payload: line }));
      const long: number[] = [];
      let blank = 0;
      const found: { readonly line: number; readonly payload: string }[] = [];
      const chunks = async function* (): AsyncGenerator<Buffer> {
        yield* cut(bytes, cuts);
      };
      const options = {
        dataset: 'd',
        source: 's',
        maxLineBytes: MAX,
        onLongLine: (line: number) => void long.push(line),
        onBlankLine: () => {
          blank += 1;
        },
      };
      for await (const events of lineEvents(chunks(), options)) {
        for (const { line = 0, payload } of events) found.push({ line, payload: Buffer.from(payload).toString('latin1') });
      }
      expect(found).toEqual(numbered.filter(({ payload }) => payload !== '' && payload.length <= MAX));
      expect(long).toEqual(numbered.filter(({ payload }) => payload.length > MAX).map(({ line }) => line));
      expect(blank).toBe(numbered.filter(({ payload }) => payload === '').length);
    }),
    bounded(8_000, 6_000),
  );
});

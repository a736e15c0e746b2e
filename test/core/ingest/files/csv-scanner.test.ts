import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCsvScanner, type CsvRecord } from '../../../../src/core/ingest/files/csv-scanner.js';

const scan = (bytes: Uint8Array, chunkSizes: readonly number[] = [], maxRecordBytes?: number): CsvRecord[] => {
  const scanner = createCsvScanner(maxRecordBytes);
  const found: CsvRecord[] = [];
  let from = 0;
  for (const size of chunkSizes) {
    if (from >= bytes.length) break;
    found.push(...scanner.push(bytes.subarray(from, from + size)));
    from += size;
  }
  if (from < bytes.length) found.push(...scanner.push(bytes.subarray(from)));
  found.push(...scanner.end());
  return found;
};
const text = (value: string): Buffer => Buffer.from(value, 'utf8');
const cells = (records: readonly CsvRecord[]): unknown[] =>
  records.map((record) => (record.kind === 'row' ? record.cells : { bad: record.raw.toString('latin1') }));

describe('CSV scanner', () => {
  it('reads quoted commas, doubled quotes and line breaks, and keeps the exact bytes', () => {
    const [record] = scan(text('a,"b,""c""\r\nd",\r\nnext'));
    expect(record).toEqual({ kind: 'row', line: 1, raw: text('a,"b,""c""\r\nd",'), cells: ['a', 'b,"c"\r\nd', ''] });
  });

  it('takes LF and CRLF, a missing last line end, a byte order mark, and no blank lines', () => {
    expect(cells(scan(text('\uFEFFa,b\r\n\r\n1,2\n\n3,4')))).toEqual([
      ['a', 'b'],
      ['1', '2'],
      ['3', '4'],
    ]);
    expect(scan(text('a\n\n\nb')).map(({ line }) => line)).toEqual([1, 4]);
    expect(scan(text('a,"x\ny"\nb')).map(({ line }) => line)).toEqual([1, 3]);
  });

  it('finds nothing in an empty file', () => {
    expect(scan(text(''))).toEqual([]);
    expect(scan(text('\uFEFF'))).toEqual([]);
  });

  it('costs one line for an unclosed quote and reads the next line afresh', () => {
    const records = scan(text('1,a\n2,"open\n3,c\n4,d'));
    expect(cells(records)).toEqual([['1', 'a'], { bad: '2,"open' }, ['3', 'c'], ['4', 'd']]);
    expect(records[1]).toMatchObject({ line: 2, error: 'a quote that is never closed' });
  });

  it('names stray quotes, text after a quote, NUL bytes and wrong encoding, and goes on', () => {
    const bytes = Buffer.concat([text('a"b,c\n"a"b,c\nx\0,y\n'), Buffer.from([0x63, 0xe9, 0x0a]), text('good,row\n')]);
    const records = scan(bytes);
    expect(records.map((record) => (record.kind === 'bad' ? record.error : 'row'))).toEqual([
      'a quote inside an unquoted cell',
      'text after a closing quote',
      'a NUL byte',
      'not UTF-8',
      'row',
    ]);
    expect(records.map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
    expect(records[3]?.raw).toEqual(Buffer.from([0x63, 0xe9]));
  });

  it('cuts a line that is too long into bad pieces and never reads its rest as a row', () => {
    const records = scan(text(`${'x'.repeat(25)},y\nok,1\n`), [], 10);
    expect(cells(records)).toEqual([{ bad: 'x'.repeat(10) }, { bad: 'x'.repeat(10) }, { bad: 'xxxxx,y' }, ['ok', '1']]);
    expect(cells(scan(text(`a,"${'b\n'.repeat(10)}"\nok,1\n`), [], 10))[0]).toEqual({ bad: 'a,"b' });
  });

  const cell = fc
    .oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('', '"', '""', ',', '\n', '\r\n', 'é', '🙂', 'a\rb'))
    .filter((value) => !value.includes('\0') && !/[\uD800-\uDFFF]/u.test(value));
  const encode = (value: string): string => (/[",\n\r]|^\uFEFF/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const rowsArb = fc.array(fc.array(cell, { minLength: 2, maxLength: 5 }), { minLength: 1, maxLength: 8 });
  const chunks = fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 60 });

  it('gives back every generated table, whatever the chunks and line ends', () => {
    fc.assert(
      fc.property(rowsArb, chunks, fc.constantFrom('\n', '\r\n'), fc.boolean(), (rows, sizes, lineEnd, endsWithLine) => {
        const file = rows.map((row) => row.map(encode).join(',')).join(lineEnd) + (endsWithLine ? lineEnd : '');
        expect(cells(scan(text(file), sizes))).toEqual(rows);
      }),
      { numRuns: 300 },
    );
  });

  const hostile = fc
    .array(fc.constantFrom(0x22, 0x22, 0x2c, 0x0a, 0x0d, 0x61, 0x00, 0xc3, 0xa9, 0xff), { maxLength: 60 })
    .map((bytes) => Buffer.from(bytes));

  it('gives the same records for hostile bytes however they are cut', () => {
    fc.assert(
      fc.property(hostile, chunks, fc.constantFrom(undefined, 5), (bytes, sizes, max) => {
        expect(scan(bytes, sizes, max)).toEqual(scan(bytes, [], max));
      }),
      { numRuns: 1000 },
    );
  });

  it('loses no byte of hostile input but line ends', () => {
    fc.assert(
      fc.property(hostile, fc.constantFrom(undefined, 5), (bytes, max) => {
        const kept = Buffer.concat(scan(bytes, [], max).map(({ raw }) => raw));
        const bare = (value: Buffer): string => value.toString('latin1').replaceAll(/[\r\n]/g, '');
        expect(bare(kept)).toBe(bare(bytes));
      }),
      { numRuns: 1000 },
    );
  });
});

/**
 * Splits CSV bytes into records, as RFC 4180 has them, and never loses a byte: what is no valid record comes out as a bad record
 * with its raw bytes and the reason, and scanning goes on behind it.
 *
 * Its own scanner and no library, because a broken row is kept as its exact bytes and because a broken quote must cost
 * one line, not the rest of the file: when a record turns out broken (a stray quote, a quote that is never closed), only its
 * first line is bad, and the next line is read afresh. Cutting the input into other chunks never changes the result.
 *
 * Lines end in LF or CRLF (a lone CR is text); blank lines are no records; a byte order mark at the start is skipped.
 */
import { isUtf8 } from 'node:buffer';

export type CsvRecord =
  /** `raw`: the record's bytes without line end, valid until the caller drops the batch. `line` is 1-based, where it starts. */
  | { readonly kind: 'row'; readonly line: number; readonly raw: Buffer; readonly cells: readonly string[] }
  | { readonly kind: 'bad'; readonly line: number; readonly raw: Buffer; readonly error: string };

export interface CsvScanner {
  /** The records that `chunk` completes, in file order. */
  push(chunk: Uint8Array): CsvRecord[];
  /** The last records; the scanner is used up. */
  end(): CsvRecord[];
}

/** A longer record is cut into bad records of this size: memory stays bounded whatever the file holds. */
const MAX_CSV_RECORD_BYTES = 1_048_576;

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;
const NO_BYTES = Buffer.alloc(0);

type Scan =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'broken'; readonly error: string }
  | { readonly kind: 'record'; readonly end: number; readonly next: number };

const INCOMPLETE: Scan = { kind: 'incomplete' };
const STRAY_QUOTE: Scan = { kind: 'broken', error: 'a quote inside an unquoted cell' };
const TEXT_AFTER_QUOTE: Scan = { kind: 'broken', error: 'text after a closing quote' };
const UNCLOSED: Scan = { kind: 'broken', error: 'a quote that is never closed' };

/** @param maxRecordBytes bound on one record, for tests. */
export function createCsvScanner(maxRecordBytes: number = MAX_CSV_RECORD_BYTES): CsvScanner {
  const tooLong: Scan = {
    kind: 'broken',
    error: `longer than ${maxRecordBytes} bytes, or a quote that is not closed within them`,
  };
  let bytes: Buffer = NO_BYTES;
  /** Start of the record that is looked at. */
  let from = 0;
  let line = 1;
  let atStart = true;
  /** The first part of this line was already cut off as too long: its rest is no record of its own. */
  let inLongLine = false;

  // What the last scan found, kept outside it so that a record costs no objects until it is known to be good.
  const starts: number[] = [];
  const ends: number[] = [];
  const escaped: boolean[] = [];
  let cellCount = 0;
  let lineEnds = 0;
  let hasNul = false;
  let isAscii = true;

  const addCell = (start: number, end: number, hasEscape: boolean): void => {
    starts[cellCount] = start;
    ends[cellCount] = end;
    escaped[cellCount] = hasEscape;
    cellCount++;
  };

  const scanRecord = (atEnd: boolean): Scan => {
    cellCount = 0;
    lineEnds = 0;
    hasNul = false;
    isAscii = true;
    const cut = from + maxRecordBytes + 2;
    const limit = Math.min(bytes.length, cut);
    const ranOut = (quoted: boolean): Scan | null => {
      if (bytes.length >= cut) return tooLong;
      if (!atEnd) return INCOMPLETE;
      return quoted ? UNCLOSED : null;
    };
    let at = from;
    for (;;) {
      if (at < limit && bytes[at] === QUOTE) {
        const start = ++at;
        let hasEscape = false;
        for (;;) {
          if (at >= limit) return ranOut(true) ?? UNCLOSED;
          const byte = bytes[at] as number;
          if (byte === QUOTE) {
            if (at + 1 >= limit && !(atEnd && limit === bytes.length)) return bytes.length >= cut ? tooLong : INCOMPLETE;
            if (bytes[at + 1] !== QUOTE) break;
            hasEscape = true;
            at += 2;
            continue;
          }
          if (byte === LF) lineEnds++;
          else if (byte === 0) hasNul = true;
          else if (byte >= 0x80) isAscii = false;
          at++;
        }
        addCell(start, at, hasEscape);
        at++;
        if (at < limit && bytes[at] === COMMA) {
          at++;
          continue;
        }
        const end = at;
        if (at < limit && bytes[at] === CR) at++;
        if (at >= limit) {
          const out = ranOut(false);
          if (out) return out;
          return { kind: 'record', end, next: at };
        }
        if (bytes[at] !== LF) return TEXT_AFTER_QUOTE;
        lineEnds++;
        return end - from > maxRecordBytes ? tooLong : { kind: 'record', end, next: at + 1 };
      }
      const start = at;
      let byte = -1;
      for (; at < limit; at++) {
        byte = bytes[at] as number;
        if (byte === COMMA || byte === LF) break;
        if (byte === QUOTE) return STRAY_QUOTE;
        if (byte === 0) hasNul = true;
        else if (byte >= 0x80) isAscii = false;
      }
      if (at < limit && byte === COMMA) {
        addCell(start, at, false);
        at++;
        continue;
      }
      if (at >= limit) {
        const out = ranOut(false);
        if (out) return out;
      }
      const end = at > start && bytes[at - 1] === CR ? at - 1 : at;
      addCell(start, end, false);
      if (end - from > maxRecordBytes) return tooLong;
      if (at >= limit) return { kind: 'record', end, next: at };
      lineEnds++;
      return { kind: 'record', end, next: at + 1 };
    }
  };

  const cellTexts = (): string[] => {
    const encoding = isAscii ? 'latin1' : 'utf8';
    const cells: string[] = [];
    for (let index = 0; index < cellCount; index++) {
      const text = bytes.toString(encoding, starts[index], ends[index]);
      cells.push(escaped[index] === true ? text.replaceAll('""', '"') : text);
    }
    return cells;
  };

  /** Takes the first line at `from` (or as much of it as a record may have) as a bad record; false when more bytes are needed. */
  const takeBadLine = (found: CsvRecord[], error: string, atEnd: boolean): boolean => {
    const lineEnd = bytes.subarray(0, Math.min(bytes.length, from + maxRecordBytes + 2)).indexOf(LF, from);
    if (lineEnd === -1 && bytes.length - from <= maxRecordBytes + 1 && !atEnd) return false;
    if (lineEnd === -1 && bytes.length - from > maxRecordBytes + 1) {
      found.push({
        kind: 'bad',
        line,
        raw: bytes.subarray(from, from + maxRecordBytes),
        error: `line longer than ${maxRecordBytes} bytes`,
      });
      from += maxRecordBytes;
      inLongLine = true;
      return true;
    }
    const next = lineEnd === -1 ? bytes.length : lineEnd;
    const end = next > from && bytes[next - 1] === CR ? next - 1 : next;
    if (end > from) found.push({ kind: 'bad', line, raw: bytes.subarray(from, end), error });
    from = lineEnd === -1 ? next : next + 1;
    if (lineEnd !== -1) line++;
    inLongLine = false;
    return true;
  };

  const takeRecords = (atEnd: boolean): CsvRecord[] => {
    const found: CsvRecord[] = [];
    if (atStart) {
      if (bytes.length < 3 && !atEnd) return found;
      if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) from = 3;
      atStart = false;
    }
    while (from < bytes.length) {
      if (inLongLine) {
        if (!takeBadLine(found, `rest of a line longer than ${maxRecordBytes} bytes`, atEnd)) break;
        continue;
      }
      const scan = scanRecord(atEnd);
      if (scan.kind === 'incomplete') break;
      if (scan.kind === 'broken') {
        if (!takeBadLine(found, scan.error, atEnd)) break;
        continue;
      }
      if (scan.end > from) {
        const raw = bytes.subarray(from, scan.end);
        if (hasNul) found.push({ kind: 'bad', line, raw, error: 'a NUL byte' });
        else if (!isAscii && !isUtf8(raw)) found.push({ kind: 'bad', line, raw, error: 'not UTF-8' });
        else found.push({ kind: 'row', line, raw, cells: cellTexts() });
      }
      line += lineEnds;
      from = scan.next;
    }
    return found;
  };

  return {
    push(chunk) {
      const rest = bytes.subarray(from);
      const added = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      bytes = rest.length === 0 ? added : Buffer.concat([rest, added]);
      from = 0;
      return takeRecords(false);
    },
    end: () => takeRecords(true),
  };
}

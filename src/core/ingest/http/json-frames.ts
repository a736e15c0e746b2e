/**
 * Cuts a JSON document (RFC 8259) into events without touching a byte: an object is one event, an array's elements are one each. A strict scanner
 * of its own, because `JSON.parse` forgets where a value lay, and writing it again would change its bytes (`1.0`, escapes, key order, blanks).
 *
 * It answers the same yes or no as `JSON.parse` but for nesting deeper than `MAX_DEPTH`, and takes no recursion: hostile depth costs nothing.
 */
import { isUtf8 } from 'node:buffer';

export type JsonFrames =
  /** Views of the given bytes, in order. */
  | { readonly kind: 'frames'; readonly frames: readonly Buffer[] }
  /** `offset` is the 0-based byte at which the document stops being one. */
  | { readonly kind: 'malformed'; readonly offset: number; readonly reason: string };

export const MAX_DEPTH = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const LETTER_U = 0x75;
const SIMPLE_ESCAPES = Buffer.from('"\\/bfnrt');
const LITERALS = ['true', 'false', 'null'].map((word) => Buffer.from(word));

class Fault extends Error {
  readonly offset: number;
  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const isHex = (byte: number | undefined): boolean =>
  isDigit(byte) || (byte !== undefined && ((byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)));

/** Where the first sequence lies that is no UTF-8; only asked when there is one. */
function firstInvalidUtf8(bytes: Buffer): number {
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] as number;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (!isUtf8(bytes.subarray(at, at + length))) return at;
    at += length;
  }
  return bytes.length;
}

function scanner(bytes: Buffer): { readonly skip: (at: number) => number; readonly value: (at: number) => number } {
  const fault = (at: number, expected: string): Fault =>
    new Fault(at, at >= bytes.length ? `it breaks off where ${expected} should be` : `this is not ${expected}`);

  const skip = (from: number): number => {
    let at = from;
    for (; ; at++) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
    }
  };
  const text = (from: number): number => {
    for (let at = from + 1; ; at++) {
      const byte = bytes[at];
      if (byte === undefined) throw new Fault(from, 'a string that begins here is never closed');
      if (byte === QUOTE) return at + 1;
      if (byte < 0x20) throw new Fault(at, 'a control character inside a string has to be escaped');
      if (byte !== BACKSLASH) continue;
      at++;
      const escape = bytes[at];
      if (escape === LETTER_U) {
        for (let digit = 0; digit < 4; digit++) if (!isHex(bytes[++at])) throw fault(at, 'a hexadecimal digit');
      } else if (escape === undefined || !SIMPLE_ESCAPES.includes(escape)) throw fault(at, 'an escape that JSON knows');
    }
  };
  const digits = (from: number): number => {
    if (!isDigit(bytes[from])) throw fault(from, 'a digit');
    let at = from + 1;
    while (isDigit(bytes[at])) at++;
    return at;
  };
  const number = (from: number): number => {
    let at = bytes[from] === MINUS ? from + 1 : from;
    at = bytes[at] === 0x30 ? at + 1 : digits(at);
    if (bytes[at] === 0x2e) at = digits(at + 1);
    if (bytes[at] === 0x45 || bytes[at] === 0x65) {
      const sign = bytes[at + 1];
      at = digits(sign === 0x2b || sign === MINUS ? at + 2 : at + 1);
    }
    return at;
  };
  /** A key and its colon; answers where the value may begin. */
  const key = (from: number): number => {
    if (bytes[from] !== QUOTE) throw fault(from, 'a key in quotes');
    const at = skip(text(from));
    if (bytes[at] !== COLON) throw fault(at, 'a colon');
    return at + 1;
  };
  const scalar = (at: number): number => {
    const byte = bytes[at];
    if (byte === QUOTE) return text(at);
    if (byte === MINUS || isDigit(byte)) return number(at);
    const literal = LITERALS.find((word) => bytes.subarray(at, at + word.length).equals(word));
    if (literal) return at + literal.length;
    throw fault(at, 'a value');
  };

  return {
    skip,
    value(from) {
      /** What closes each object and array that is open. */
      const open: number[] = [];
      for (let at = from; ;) {
        at = skip(at);
        const byte = bytes[at];
        if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
          if (open.length >= MAX_DEPTH) throw new Fault(at, `it is nested deeper than ${MAX_DEPTH}`);
          const closer = byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY;
          at = skip(at + 1);
          if (bytes[at] !== closer) {
            open.push(closer);
            if (closer === CLOSE_OBJECT) at = key(at);
            continue;
          }
          at++;
        } else at = scalar(at);
        // A value has ended: so may what holds it.
        for (;;) {
          const closer = open.at(-1);
          if (closer === undefined) return at;
          at = skip(at);
          if (bytes[at] === COMMA) {
            at = closer === CLOSE_OBJECT ? key(skip(at + 1)) : at + 1;
            break;
          }
          if (bytes[at] !== closer) throw fault(at, `a comma or ${closer === CLOSE_OBJECT ? '}' : ']'}`);
          open.pop();
          at++;
        }
      }
    },
  };
}

/** A byte order mark at the start is no part of the document. */
export function jsonFrames(bytes: Buffer): JsonFrames {
  const malformed = (offset: number, reason: string): JsonFrames => ({ kind: 'malformed', offset, reason });
  if (!isUtf8(bytes)) return malformed(firstInvalidUtf8(bytes), 'this is not UTF-8');
  const { skip, value } = scanner(bytes);
  const start = skip(bytes[0] === 0xef ? 3 : 0);
  const frames: Buffer[] = [];
  try {
    let at = start;
    if (bytes[start] === OPEN_OBJECT) {
      at = value(start);
      frames.push(bytes.subarray(start, at));
    } else if (bytes[start] === OPEN_ARRAY) {
      at = skip(start + 1);
      while (bytes[at] !== CLOSE_ARRAY || frames.length > 0) {
        const end = value(at);
        frames.push(bytes.subarray(at, end));
        at = skip(end);
        if (bytes[at] === CLOSE_ARRAY) break;
        if (bytes[at] !== COMMA)
          return malformed(at, at >= bytes.length ? 'it breaks off where a comma or ] should be' : 'this is not a comma or ]');
        at = skip(at + 1);
      }
      at++;
    } else {
      return malformed(start, start >= bytes.length ? 'it is empty' : 'it begins with neither an object nor an array');
    }
    at = skip(at);
    return at < bytes.length ? malformed(at, 'something follows the end of the document') : { kind: 'frames', frames };
  } catch (error) {
    if (error instanceof Fault) return malformed(error.offset, error.message);
    throw error;
  }
}

/** The lines of NDJSON that are not blank, without LF or CRLF, whatever they hold: the same events as `ingest send` makes of a file. */
export function lineFrames(bytes: Buffer): readonly Buffer[] {
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const frames: Buffer[] = [];
  for (let from = hasMark ? 3 : 0; from < bytes.length;) {
    const found = bytes.indexOf(0x0a, from);
    const next = found === -1 ? bytes.length : found;
    const end = next > from && bytes[next - 1] === 0x0d ? next - 1 : next;
    if (end > from) frames.push(bytes.subarray(from, end));
    from = next + 1;
  }
  return frames;
}

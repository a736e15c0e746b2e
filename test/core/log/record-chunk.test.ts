import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogRecord, NewRecord } from '../../../src/core/log/event-log.js';
import { decodeChunk, encodeChunk, type ReadBudget } from '../../../src/core/log/record-chunk.js';

const bytes = fc.uint8Array({ maxLength: 200 });
/** Headers of neighbours are often the same, or of the same name. */
const header = fc.record({
  key: fc.oneof(fc.constantFrom('ks-source', ''), fc.string({ unit: 'binary', maxLength: 8 })),
  value: fc.oneof(fc.constantFrom(Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(1, 2), new Uint8Array()), bytes),
});
const anyRecord = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(header, { maxLength: 4 }),
});

function decode(records: readonly NewRecord[], fromOffset = 100, budget: ReadBudget = { records: 1e9, bytes: 1e9 }) {
  const body = encodeChunk(records);
  const place = {
    byteOffset: body.byteOffset,
    byteLength: body.byteLength,
    baseOffset: 100,
    recordCount: records.length,
    timestampUs: 7,
  };
  const into: LogRecord[] = [];
  const whole = decodeChunk(body.buffer as ArrayBuffer, place, { topic: 't', partition: 2, fromOffset }, budget, into);
  return { into, whole };
}

const value = (length: number): NewRecord => ({ key: null, value: new Uint8Array(length), headers: [] });

describe('record chunk', () => {
  it('gives any records back as they were', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 20 }), (records) => {
        const { into, whole } = decode(records);
        expect(whole).toBe(true);
        expect(into).toEqual(
          records.map((record, n) => ({ topic: 't', partition: 2, offset: 100 + n, timestampUs: 7, ...record })),
        );
      }),
    );
  });

  it('keeps lengths on both sides of every varint boundary', () => {
    for (const length of [0, 126, 127, 128, 16_382, 16_383, 16_384, 2_097_151, 2_097_152]) {
      const filled = {
        key: null,
        value: new Uint8Array(length).fill(9),
        headers: [{ key: 'h', value: new Uint8Array(length).fill(8) }],
      };
      expect(Buffer.compare(decode([filled]).into[0]!.value!, filled.value)).toBe(0);
      expect(Buffer.compare(decode([filled]).into[0]!.headers[0]!.value, filled.headers[0]!.value)).toBe(0);
    }
  });

  it('begins at the wanted offset and ends with the budget, but takes at least one record', () => {
    const records = Array.from({ length: 10 }, () => value(100));
    expect(decode(records, 104).into.map((r) => r.offset)).toEqual([104, 105, 106, 107, 108, 109]);
    expect(decode(records, 104, { records: 2, bytes: 1e9 })).toMatchObject({
      whole: false,
      into: [{ offset: 104 }, { offset: 105 }],
    });
    expect(decode(records, 104, { records: 9, bytes: 1 })).toMatchObject({ whole: false, into: [{ offset: 104 }] });
  });

  it('refuses bytes that are no chunk, or only the beginning of one', () => {
    const body = encodeChunk([value(100), value(100)]).slice();
    const read = (bytesOf: Uint8Array) => () =>
      decodeChunk(
        bytesOf.slice().buffer as ArrayBuffer,
        { byteOffset: 0, byteLength: bytesOf.length, baseOffset: 0, recordCount: 2, timestampUs: 0 },
        { topic: 't', partition: 0, fromOffset: 0 },
        { records: 10, bytes: 1e9 },
        [],
      );
    for (let length = 0; length < body.length; length++) expect(read(body.subarray(0, length))).toThrow(RangeError);
    expect(read(Uint8Array.of(9, ...body.subarray(1)))).toThrow('unknown format');
    expect(read(body)).not.toThrow();
  });
});

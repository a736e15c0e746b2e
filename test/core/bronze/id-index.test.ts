import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeIdIndex,
  encodeIdIndex,
  filterOf,
  growingFilter,
  type IndexedRow,
  mayHold,
} from '../../../src/core/bronze/id-index.js';
import { idIndexKey, isIdIndexKey } from '../../../src/core/bronze/index-files.js';
import { seededRandom } from '../../support/mixed-events.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const row = (id: string, key: string | null = null): IndexedRow => ({
  eventId: bytes(id),
  key: key === null ? null : bytes(key),
});

/** Ids as they come: counted, UUIDs, hashes of files. */
const SHAPES: readonly (readonly [string, (n: number, random: () => number) => string])[] = [
  ['counted ids', (n) => `e${n}`],
  ['log positions', (n) => `olist-enterprise-events/${n % 12}/${Math.floor(n / 12)}`],
  [
    'UUIDs',
    (_, random) =>
      Array.from({ length: 4 }, () =>
        Math.floor(random() * 2 ** 32)
          .toString(16)
          .padStart(8, '0'),
      ).join('-'),
  ],
  [
    'hashes',
    (_, random) =>
      Array.from({ length: 8 }, () =>
        Math.floor(random() * 2 ** 32)
          .toString(16)
          .padStart(8, '0'),
      ).join(''),
  ],
];

describe('the id index', () => {
  for (const [shape, idOf] of SHAPES) {
    it(`never denies what is there, and seldom claims what is not: ${shape}`, () => {
      const random = seededRandom(7);
      const ids = Array.from({ length: 40_000 }, (_, n) => idOf(n, random));
      const filter = filterOf(
        'a.parquet',
        ids.slice(0, 20_000).map((id) => row(id, `k${id}`)),
      );
      const claimed = (of: readonly string[], column: 'eventId' | 'key'): number =>
        of.filter((id) => mayHold(filter, column, bytes(id))).length;
      expect(claimed(ids.slice(0, 20_000), 'eventId')).toBe(20_000);
      expect(
        claimed(
          ids.slice(0, 20_000).map((id) => `k${id}`),
          'key',
        ),
      ).toBe(20_000);
      expect(claimed(ids.slice(20_000), 'eventId')).toBeLessThan(200); // under 1 %
      // An id is no key.
      expect(claimed(ids.slice(0, 20_000), 'key')).toBeLessThan(200);
    });
  }

  it('comes back from its bytes as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ unit: 'binary' }), { maxLength: 40 }), { maxLength: 5 }), (files) => {
        const filters = files.map((ids, n) =>
          filterOf(
            `file "${n}" ü.parquet`,
            ids.map((id) => row(id, id)),
          ),
        );
        const read = decodeIdIndex(encodeIdIndex(filters));
        expect(read).toEqual(filters);
        for (const [n, ids] of files.entries()) {
          for (const id of ids) expect(read?.[n] && mayHold(read[n], 'eventId', bytes(id))).toBe(true);
        }
      }),
    );
  });

  it('is refused whole when one bit of it changed, or when it is cut', () => {
    const whole = encodeIdIndex([filterOf('a.parquet', [row('one', 'k'), row('two')])]);
    expect(decodeIdIndex(whole)).not.toBeNull();
    for (let at = 0; at < whole.length; at++) {
      const damaged = whole.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(decodeIdIndex(damaged), `byte ${at}`).toBeNull();
      expect(decodeIdIndex(whole.subarray(0, at)), `cut at ${at}`).toBeNull();
    }
  });

  it('reads bytes that lie anywhere in a larger buffer', () => {
    const whole = encodeIdIndex([filterOf('a.parquet', [row('one')])]);
    const shifted = new Uint8Array(whole.length + 3);
    shifted.set(whole, 3);
    const read = decodeIdIndex(shifted.subarray(3));
    expect(read?.[0] && mayHold(read[0], 'eventId', bytes('one'))).toBe(true);
  });

  it('holds nothing when it has no rows', () => {
    const { filter } = growingFilter('empty.parquet', 0);
    expect(mayHold(filter, 'eventId', bytes(''))).toBe(false);
  });
});

describe('where index files lie', () => {
  const landed = (name: string): string => `/lake/bronze/events/data/year=2026/month=11/day=21/${name}`;

  it('gives the data files of one commit one index file, and a merged file its own', () => {
    const first = idIndexKey(landed('my-topic-0-0-99-0123456789abcdef.parquet'));
    expect(first).toBe('bronze/events/index/0123456789abcdef.ksix');
    expect(idIndexKey(landed('my-topic-11-7-7-0123456789abcdef.parquet'))).toBe(first);
    expect(idIndexKey(landed('compact-0123456789abcdef-3.parquet'))).toBe('bronze/events/index/compact-0123456789abcdef-3.ksix');
    expect(idIndexKey(landed('0123456789abcdef-3.parquet'))).not.toBe(first);
  });

  it('tells index files from everything else of the lake', () => {
    expect(isIdIndexKey(idIndexKey(landed('t-0-0-9-0123456789abcdef.parquet')))).toBe(true);
    expect(isIdIndexKey('bronze/events/data/year=2026/a.parquet')).toBe(false);
    expect(isIdIndexKey('bronze/events/index/notes.txt')).toBe(false);
  });
});

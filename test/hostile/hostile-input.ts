/** What the tests of hostile input share: a seed that is printed, a bound on time, and bytes that were damaged. */
import * as fc from 'fast-check';

const SOAK = process.env['KEYSTONE_SOAK'] === '1';
const SEED = Number(process.env['KEYSTONE_FUZZ_SEED'] ?? 20_171_002);

/** Options of a property: its seed is in fast-check's message when it fails; KEYSTONE_SOAK=1 looks thirty times as long at fresh ones. */
export const bounded = (numRuns: number, ms = 6_000): fc.Parameters<unknown> =>
  SOAK ? { numRuns: numRuns * 30, interruptAfterTimeLimit: ms * 30 } : { numRuns, seed: SEED, interruptAfterTimeLimit: ms };

/** Cuts, flips, fills, repeats and removes pieces of `whole`. */
export const damagedBytes = (whole: Uint8Array): fc.Arbitrary<Buffer> => {
  const at = fc.nat(Math.max(0, whole.length - 1));
  const cut = at.map((end) => Buffer.from(whole.subarray(0, end)));
  const flips = fc.array(fc.tuple(at, fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }).map((places) => {
    const bytes = Buffer.from(whole);
    for (const [place, mask] of places) bytes[place] = (bytes[place] ?? 0) ^ mask;
    return bytes;
  });
  const bits = fc.tuple(at, fc.nat(7)).map(([place, bit]) => {
    const bytes = Buffer.from(whole);
    bytes[place] = (bytes[place] ?? 0) ^ (1 << bit);
    return bytes;
  });
  const spliced = fc
    .tuple(at, fc.nat(64), fc.uint8Array({ maxLength: 64 }))
    .map(([from, removed, put]) =>
      Buffer.concat([whole.subarray(0, from), put, whole.subarray(Math.min(whole.length, from + removed))]),
    );
  return fc.oneof(cut, flips, bits, spliced);
};

/** Values that are of no use where a number, a text, a list or an object is expected. */
export const oddValue: fc.Arbitrary<unknown> = fc.constantFrom<unknown>(
  null,
  true,
  -1,
  0,
  1.5,
  1e308,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  '',
  'x',
  '\u0000',
  '__proto__',
  '../../../etc/passwd',
  '9'.repeat(400),
  [],
  [null],
  [[[[]]]],
  {},
  { toString: 1 },
  { type: 'struct', fields: [] },
);

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesOf(value: unknown, found: Place[] = []): readonly Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const key of Object.keys(value)) {
    const holder = value as Record<string, unknown>;
    found.push({ holder, key });
    placesOf(holder[key], found);
  }
  return found;
}

/** A copy with some of its values removed, doubled, or others in their place. */
export const damagedValue = (whole: object): fc.Arbitrary<unknown> =>
  fc
    .array(fc.tuple(fc.nat(1_000_000), fc.option(oddValue, { nil: undefined }), fc.nat(3)), { minLength: 1, maxLength: 3 })
    .map((changes) => {
      const copy = structuredClone(whole);
      for (const [at, odd, how] of changes) {
        const places = placesOf(copy);
        const place = places[at % Math.max(1, places.length)];
        if (!place) continue;
        const { holder, key } = place;
        if (Array.isArray(holder) && how === 0) holder.push(structuredClone(holder[Number(key)]));
        else if (odd !== undefined) holder[key] = odd;
        else if (Array.isArray(holder)) holder.splice(Number(key), 1);
        else delete holder[key];
      }
      return copy;
    });

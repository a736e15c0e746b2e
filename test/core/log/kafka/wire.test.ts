/** A varlong read as a number is the number that it is, up to 2^53; beyond, the nearest. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { wireReader } from '../../../../src/core/log/kafka/wire.js';

function varlong(value: bigint): Buffer {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...out, Number(rest)]);
}

it('reads varlongs as numbers', () => {
  const around = [...Array(64).keys()].flatMap((bit) => [-1n, 0n, 1n].map((by) => BigInt.asIntN(64, (1n << BigInt(bit)) + by)));
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...around), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (value) => {
      const bytes = Buffer.concat([varlong(value), Buffer.from([7])]);
      const reader = wireReader(bytes);
      expect(reader.longNumber()).toBe(Number(value));
      expect(reader.int8()).toBe(7);
      expect(wireReader(bytes).varlong()).toBe(value);
      expect(() => wireReader(varlong(value).subarray(0, -1)).longNumber()).toThrow(RangeError);
    }),
    { numRuns: 2000 },
  );
});

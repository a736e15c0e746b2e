/** The hashes and buckets that the Iceberg specification lists (https://iceberg.apache.org/spec/#appendix-b-32-bit-hash-requirements). */
import { describe, expect, it } from 'vitest';
import { bucketOf } from '../../../src/core/table/bucket-transform.js';
import { murmur3 } from '../../../src/core/table/murmur3.js';

const long = (value: bigint): Uint8Array => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value, true);
  return bytes;
};

const MAX = 2 ** 31;

describe('murmur3', () => {
  it.each([
    ['int or long 34', long(34n), 2_017_239_379],
    ['int or long 1', long(1n), 1_392_991_556],
    ['date 2017-11-16', long(17_486n), -653_330_422],
    ['time 22:31:08', long(81_068_000_000n), -662_762_989],
    ['timestamp 2017-11-16T22:31:08', long(1_510_871_468_000_000n), -2_047_944_441],
    ['string iceberg', new TextEncoder().encode('iceberg'), 1_210_000_089],
    ['decimal 14.20 (unscaled 1420)', Uint8Array.of(0x05, 0x8c), -500_754_589],
    ['bytes 00 01 02 03', Uint8Array.of(0, 1, 2, 3), -188_683_207],
    ['uuid', Buffer.from('f79c3e09677c4bbda4793f349cb785e7', 'hex'), 1_488_055_340],
    ['true, as int 1', long(1n), 1_392_991_556],
  ])('%s', (_, bytes, hash) => {
    expect(murmur3(bytes)).toBe(hash);
  });

  it('reads its own stretch of a larger buffer', () => {
    const padded = new TextEncoder().encode('xxiceberg yy');
    expect(murmur3(padded.subarray(2, 9))).toBe(1_210_000_089);
  });

  it('is 0 for nothing', () => {
    expect(murmur3(new Uint8Array())).toBe(0);
  });
});

describe('bucketOf', () => {
  it('takes the lower 31 bits, so that a negative hash has a bucket too', () => {
    expect(bucketOf('iceberg', 16)).toBe(1_210_000_089 % 16);
    expect(bucketOf(17_486, 16)).toBe((-653_330_422 + MAX) % 16);
    expect(bucketOf(34n, 7)).toBe(2_017_239_379 % 7);
    expect(bucketOf('', 16)).toBe(0);
  });
});

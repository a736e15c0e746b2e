/** Names and ids from random bytes that are passed in. */

type RandomBytes = (length: number) => Uint8Array;

/** A random UUID (version 4) as text. */
export function randomUuid(randomBytes: RandomBytes): string {
  const bytes = Uint8Array.from(randomBytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** 64 random bits as 16 hex digits: names a commit or a run. */
export const randomHexId = (randomBytes: RandomBytes): string => Buffer.from(randomBytes(8)).toString('hex');

/** A snapshot id of 53 bits: exact in every JSON parser. Never 0. */
export const randomSnapshotId = (randomBytes: RandomBytes): bigint => (Buffer.from(randomBytes(8)).readBigUInt64BE() >> 11n) | 1n;

/** A number in [0, 1). */
export const randomUnit = (randomBytes: RandomBytes): number => Buffer.from(randomBytes(4)).readUInt32BE() / 2 ** 32;

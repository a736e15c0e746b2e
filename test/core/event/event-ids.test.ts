import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fileEventIds } from '../../../src/core/event/file-event-id.js';
import { createOccurrenceCounter } from '../../../src/core/event/occurrence-counter.js';
import { uuidV7Source } from '../../../src/core/event/uuid-v7.js';

const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

describe('file event ids', () => {
  it('hash dataset and payload as documented, and count repetitions', () => {
    const ids = fileEventIds('orders');
    const idOf = ids.ofPayload;
    const record = Buffer.from('1,"a"');
    const first = sha256('orders\0', record);
    expect([idOf(record), idOf(record), idOf(record)]).toEqual([
      first.toString('hex'),
      sha256(first, '2').toString('hex'),
      sha256(first, '3').toString('hex'),
    ]);
    const long = Buffer.alloc(100_000, 'x');
    expect(idOf(long)).toBe(sha256('orders\0', long).toString('hex'));
    expect(idOf(Buffer.alloc(0))).toBe(sha256('orders\0').toString('hex'));
    expect(ids.ofBadRow(record)).toBe(sha256('orders\0\0', record).toString('hex'));
  });
});

describe('occurrence counter', () => {
  it('agrees with a Map over many digests', () => {
    const counter = createOccurrenceCounter();
    const expected = new Map<string, number>();
    for (let index = 0; index < 20_000; index++) {
      const digest = sha256(String((index * index) % 7919)).toString('hex');
      expected.set(digest, (expected.get(digest) ?? 0) + 1);
      expect(counter.count(digest)).toBe(expected.get(digest));
    }
  });
});

describe('UUIDv7', () => {
  it('carries the time, version and variant, and random bits of its own', () => {
    let drawn = 0;
    const newId = uuidV7Source({ nowMs: () => 0x0123_4567_89ab, sleep: async () => undefined }, (length) =>
      Buffer.alloc(length, ++drawn === 1 ? 0xff : 0x00),
    );
    expect(newId()).toBe('01234567-89ab-7fff-bfff-ffffffffffff');
    for (let index = 1; index < 400; index++) newId();
    expect(newId()).toBe('01234567-89ab-7000-8000-000000000000');
  });
});

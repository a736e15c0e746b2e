/** What a stranger may send as a protobuf message: random bytes, cut messages, lengths beyond the end, groups without end. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEventRequest, encodeEventRequest } from '../../src/core/ingest/grpc/founding-codec.js';
import {
  decodeEvent,
  decodeEventBatch,
  decodeReceipt,
  decodeReceiptBatch,
  encodeEventBatch,
  encodeReceiptBatch,
} from '../../src/core/ingest/grpc/ingestion-v1-codec.js';
import type { Decoded } from '../../src/core/ingest/grpc/wire-message.js';
import { bounded, damagedBytes } from './hostile-input.js';

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Decoded<unknown>>> = {
  decodeEventRequest,
  decodeEvent,
  decodeEventBatch,
  decodeReceipt,
  decodeReceiptBatch,
};

const encodeEventRequestBytes = encodeEventRequest(Buffer.from('{"order_id":"1"}'));
const batch = encodeEventBatch(
  ['a', 'b'].map((eventId) => ({
    payload: Buffer.from('{"order_id":"1"}'),
    dataset: 'orders',
    key: Buffer.from('k'),
    eventId,
    source: 'test',
    headers: [{ key: 'h', value: Buffer.from([1, 2, 3]) }],
  })),
);
const receipts = encodeReceiptBatch([
  { kind: 'receipt', receipt: { topic: 't', partition: 2, offset: 9e15, eventId: 'a', durability: 'log' } },
  { kind: 'refused', refusal: { code: 8, message: 'full', eventId: 'b' } },
]);

const varint = (value: bigint): Buffer => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
};
/** Fields of any number and wire type, with lengths that need not be true. */
const wireSoup = fc
  .array(
    fc.tuple(
      fc.oneof(fc.integer({ min: 0, max: 8 }), fc.nat(2 ** 29 - 1)),
      fc.nat(7),
      fc.oneof(
        fc.bigInt(0n, 20n),
        fc.constantFrom(2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n),
      ),
      fc.uint8Array({ maxLength: 20 }),
    ),
    { maxLength: 12 },
  )
  .map((fields) =>
    Buffer.concat(
      fields.flatMap(([field, wireType, length, body]) => [varint(BigInt(field) * 8n + BigInt(wireType)), varint(length), body]),
    ),
  );

/** Every text and byte string below a message. */
function sizeOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, part) => sum + sizeOf(part), 0);
}

describe.each(Object.entries(DECODERS))('%s', (name, decode) => {
  it('answers any bytes by a message no larger than they are, or by malformed', () => {
    const sample = name === 'decodeEventRequest' ? encodeEventRequestBytes : name.startsWith('decodeReceipt') ? receipts : batch;
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((random) => Buffer.from(random)),
      wireSoup,
      damagedBytes(sample),
      damagedBytes(sample.subarray(2)),
    );
    fc.assert(
      fc.property(bytes, (given) => {
        const before = Buffer.from(given);
        const decoded = decode(given);
        expect(['message', 'malformed']).toContain(decoded.kind);
        // The text for a result that is neither receipt nor error is the decoder's own; nothing else may be longer than what came.
        if (decoded.kind === 'message' && !name.startsWith('decodeReceipt'))
          expect(sizeOf(decoded.message)).toBeLessThanOrEqual(given.length);
        expect(given).toEqual(before);
      }),
      bounded(5_000, 4_000),
    );
  });

  it.each([
    ['groups', Buffer.alloc(1_000_000, 0x0b)],
    ['groups that end', Buffer.concat([Buffer.alloc(500_000, 0x3b), Buffer.alloc(500_000, 0x3c)])],
    ['ends of groups', Buffer.alloc(1_000_000, 0x0c)],
    ['messages in messages', Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([0x0a, 0xff, 0xff, 0x03])))],
    ['empty messages', Buffer.concat(Array.from({ length: 200_000 }, () => Buffer.from([0x7a, 0x00])))],
    ['a varint without end', Buffer.alloc(1_000_000, 0xff)],
    ['a length of 4 GB', Buffer.concat([Buffer.from([0x0a]), varint(2n ** 32n - 1n)])],
  ])('bears a megabyte of %s', (_, bytes) => {
    const startedMs = performance.now();
    expect(['message', 'malformed']).toContain(decode(bytes).kind);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
  });
});

it('a message that was cut off is never taken for a shorter one', () => {
  for (let end = 0; end < batch.length; end++) {
    const decoded = decodeEventBatch(batch.subarray(0, end));
    if (decoded.kind === 'malformed') continue;
    // Only between two events: what is there is whole.
    expect(encodeEventBatch(decoded.message)).toEqual(batch.subarray(0, end));
  }
});

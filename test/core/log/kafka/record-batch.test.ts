/** Our batches beside kafkajs's: each reads what the other wrote. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKeystoneError } from '../../../../src/core/errors.js';
import type { LogRecord, NewRecord } from '../../../../src/core/log/event-log.js';
import { crc32c } from '../../../../src/core/log/kafka/crc32c.js';
import {
  BATCH_OVERHEAD,
  batchedBytes,
  batchHead,
  batchRecords,
  encodeBatch,
} from '../../../../src/core/log/kafka/record-batch.js';
import { isLogTimeMs } from '../../../../src/core/log/log-time.js';

const bytes = fc.uint8Array({ maxLength: 300 });
/** Headers of neighbours are often the same, or of the same name: what is as before is not decoded again. */
const headerName = fc.oneof(fc.constantFrom('ks-source', 'ks-sourceX', ''), fc.string({ unit: 'grapheme', maxLength: 8 }));
const headerValue = fc.oneof(fc.constantFrom(Buffer.from('a'), Buffer.from('b'), Buffer.from('ab'), Buffer.alloc(0)), bytes);
const records: fc.Arbitrary<readonly NewRecord[]> = fc.array(
  fc.record({
    key: fc.option(bytes),
    value: fc.option(bytes),
    headers: fc.array(fc.record({ key: headerName, value: headerValue }), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 150 },
);
const producer = { producerId: 7n, producerEpoch: 3, firstSequence: 41 };
const TIME = 1_700_000_000_123;
const PLACE = { topic: 't', partition: 2 };

const plain = ({ key, value, headers }: NewRecord | LogRecord) => ({
  key: key && Buffer.from(key).toString('hex'),
  value: value && Buffer.from(value).toString('hex'),
  headers: headers.map((header) => [header.key, Buffer.from(header.value).toString('hex')]),
});

async function decoded(batch: Buffer, at = 0): Promise<readonly LogRecord[]> {
  const head = batchHead(batch, at, 't/2');
  return head === null ? [] : batchRecords(batch, at, head, PLACE);
}

/** A batch of one empty record whose time is so far from the batch's. */
function withDifference(base: bigint, difference: bigint): Buffer {
  const varlong: number[] = [];
  let rest = BigInt.asUintN(64, (difference << 1n) ^ (difference >> 63n));
  for (; rest >= 0x80n; rest >>= 7n) varlong.push(Number(rest & 0x7fn) | 0x80);
  varlong.push(Number(rest));
  // Attributes, difference, offset, no key, no value, no headers.
  const body = [0, ...varlong, 0, 1, 1, 0];
  const head = encodeBatch([{ key: null, value: null, headers: [] }], producer, TIME).subarray(0, BATCH_OVERHEAD);
  const batch = Buffer.concat([head, Buffer.from([2 * body.length, ...body])]);
  batch.writeInt32BE(batch.length - 12, 8);
  batch.writeBigInt64BE(base, 27);
  batch.writeUInt32BE(crc32c(batch, 21), 17);
  return batch;
}

describe('record batches', () => {
  it('has the checksum of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.from('x123456789y'), 1, 10)).toBe(0xe3069283);
  });

  it('come back as they went in', async () => {
    await fc.assert(
      fc.asyncProperty(records, async (written) => {
        const batch = encodeBatch(written, producer, TIME);
        expect(batch.length).toBeLessThanOrEqual(written.reduce((sum, record) => sum + batchedBytes(record), BATCH_OVERHEAD));
        batch.writeBigInt64BE(1000n, 0);
        const head = batchHead(batch, 0, 't/2')!;
        expect(head).toMatchObject({
          baseOffset: 1000,
          lastOffset: 999 + written.length,
          producerId: 7n,
          transactional: false,
          control: false,
          sizeBytes: batch.length,
        });
        const read = await decoded(batch);
        expect(read.map(plain)).toEqual(written.map(plain));
        expect(read.map(({ offset, timestampUs }) => [offset, timestampUs])).toEqual(
          written.map((_, n) => [1000 + n, TIME * 1000]),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('are read by kafkajs too', async () => {
    const load = createRequire(import.meta.url);
    const Decoder = load('kafkajs/src/protocol/decoder') as new (buffer: Buffer) => object;
    const decode = load('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: object) => Promise<{
      readonly records: readonly {
        readonly offset: string;
        readonly timestamp: string;
        readonly key: Buffer | null;
        readonly value: Buffer | null;
        readonly headers: Readonly<Record<string, Buffer>>;
      }[];
      readonly producerId: string;
      readonly firstSequence: number;
    }>;
    const written: NewRecord[] = [
      { key: Buffer.from('k'), value: Buffer.from('v'), headers: [{ key: 'h', value: Buffer.from('1') }] },
      { key: null, value: null, headers: [] },
    ];
    const batch = await decode(new Decoder(encodeBatch(written, producer, TIME)));
    expect([batch.producerId, batch.firstSequence]).toEqual(['7', 41]);
    expect(
      batch.records.map(({ offset, timestamp, key, value }) => [offset, timestamp, key && String(key), value && String(value)]),
    ).toEqual([
      ['0', String(TIME), 'k', 'v'],
      ['1', String(TIME), null, null],
    ]);
    expect(String(batch.records[0]!.headers['h'])).toBe('1');
  });

  it.each([
    ['milliseconds', 1_700_000_000_123n, 0n, 1_700_000_000_123_000, null],
    ['the first moment', 0n, 0n, 0, null],
    ['the last whole millisecond', 9_007_199_254_740n, 0n, 9_007_199_254_740_000, null],
    ['one behind it', 9_007_199_254_740n, 1n, Number.MAX_SAFE_INTEGER, '9007199254741'],
    ['nanoseconds', 1_795_308_533_000_000_001n, 0n, Number.MAX_SAFE_INTEGER, '1795308533000000001'],
    ['nanoseconds of a later record', 1_795_308_533_000_000_001n, 63n, Number.MAX_SAFE_INTEGER, '1795308533000000064'],
    ['microseconds', 1_795_308_533_000_000n, -1n, Number.MAX_SAFE_INTEGER, '1795308532999999'],
    ['none', -1n, 0n, 0, '-1'],
    ['before 1970', 5n, -12n, 0, '-7'],
    ['the least', -(2n ** 63n), 0n, 0, '-9223372036854775808'],
    ['the greatest', 2n ** 63n - 1n, 0n, Number.MAX_SAFE_INTEGER, '9223372036854775807'],
    ['what is around the end of 64 bits', 2n ** 63n - 1n, 1n, 0, '-9223372036854775808'],
  ] as const)('time: %s', async (_, base, difference, timestampUs, kept) => {
    const header = { key: 'h', value: Buffer.from('1') };
    const written = { key: null, value: Buffer.from('v'), headers: [header] };
    const batch = encodeBatch([written, written], producer, TIME);
    batch.writeBigInt64BE(base, 27);
    // Behind the record's length and attributes: a difference of one byte.
    batch[BATCH_OVERHEAD + 2] = Number(difference < 0n ? -2n * difference - 1n : 2n * difference);
    batch.writeUInt32BE(crc32c(batch, 21), 17);
    const [first, second] = await decoded(batch);
    expect(first!.timestampUs).toBe(timestampUs);
    const all = [['h', '31'], ...(kept === null ? [] : [['ks-log-time-ms', Buffer.from(kept).toString('hex')]])];
    expect(plain(first!).headers).toEqual(all);
    // The header that both share is the record's alone to end with.
    expect(plain(second!).headers).toHaveLength(isLogTimeMs(Number(base)) ? 1 : 2);
  });

  it('differ exactly by more than a double holds', async () => {
    const base = 2n ** 62n + 1n;
    for (const time of [1_700_000_000_123n, base - 2n ** 61n - 1n]) {
      const batch = withDifference(base, time - base);
      const [record] = await decoded(batch);
      const isTime = time < 2n ** 53n;
      expect(record!.timestampUs).toBe(isTime ? Number(time) * 1000 : Number.MAX_SAFE_INTEGER);
      expect(record!.headers.map(({ value }) => String(value))).toEqual(isTime ? [] : [String(time)]);
    }
  });

  it('of a topic that stamps them itself have its time, whatever it is', async () => {
    const batch = encodeBatch([{ key: null, value: null, headers: [] }], producer, TIME);
    batch.writeInt16BE(8, 21);
    for (const [time, timestampUs] of [
      [5n, 5000],
      [-1n, 0],
      [2n ** 62n, Number.MAX_SAFE_INTEGER],
    ] as const) {
      batch.writeBigInt64BE(time, 35);
      batch.writeUInt32BE(crc32c(batch, 21), 17);
      expect((await decoded(batch))[0]!.timestampUs).toBe(timestampUs);
    }
  });

  it('are refused when a byte is damaged, and awaited when they are cut off', async () => {
    const whole = encodeBatch([{ key: Buffer.from('key'), value: Buffer.from('value'), headers: [] }], producer, TIME);
    for (let cut = 0; cut < whole.length; cut++) expect(batchHead(whole.subarray(0, cut), 0, 't/2')).toBeNull();
    // From the checksum on; what lies before belongs to the log, which writes it.
    for (let at = 16; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = damaged[at]! ^ 0x21;
      await expect(decoded(damaged), `byte ${at}`).rejects.toMatchObject({ code: 'KS_LOG' });
    }
  });

  it('never fail otherwise than by KS_LOG, whatever the bytes behind a right checksum', async () => {
    const whole = encodeBatch(
      Array.from({ length: 5 }, (_, n) => ({
        key: null,
        value: Buffer.from(`value-${n}`),
        headers: [{ key: 'h', value: Buffer.from('x') }],
      })),
      producer,
      TIME,
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 21, max: whole.length - 1 }), fc.nat(255), async (at, value) => {
        const damaged = Buffer.from(whole);
        damaged[at] = value;
        damaged.writeUInt32BE(crc32c(damaged, 21), 17);
        await decoded(damaged).catch((error: unknown) => {
          if (!isKeystoneError(error) || error.code !== 'KS_LOG') throw error;
        });
      }),
      { numRuns: 500 },
    );
  });
});

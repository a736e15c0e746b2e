import fc from 'fast-check';
import protobuf from 'protobufjs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeEventRequest, encodeEventRequest } from '../../../../src/core/ingest/grpc/founding-codec.js';
import {
  decodeEvent,
  decodeEventBatch,
  decodeReceipt,
  decodeReceiptBatch,
  encodeEvent,
  encodeEventBatch,
  encodeReceipt,
  encodeReceiptBatch,
  type EventResult,
  type Receipt,
  type WireEvent,
} from '../../../../src/core/ingest/grpc/ingestion-v1-codec.js';

// What every other client has: code generated from the .proto files.
const root = protobuf.loadSync([
  path.resolve('proto/ingestion.proto'),
  path.resolve('proto/keystone/ingestion/v1/ingestion.proto'),
]);
const generated = (name: string): protobuf.Type => root.lookupType(name);
const v1 = (name: string): protobuf.Type => generated(`keystone.ingestion.v1.${name}`);

const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
const text = fc.string({ unit: 'grapheme', maxLength: 10 });
const event: fc.Arbitrary<WireEvent> = fc.record({
  payload: bytes,
  dataset: text,
  key: bytes,
  eventId: text,
  source: text,
  headers: fc.uniqueArray(fc.record({ key: text, value: bytes }), { selector: ({ key }) => key, maxLength: 4 }),
});
const toGenerated = ({ headers, ...fields }: WireEvent): object => ({
  ...fields,
  headers: Object.fromEntries(headers.map(({ key, value }) => [key, value])),
});
const receipt: fc.Arbitrary<Receipt> = fc.record({
  topic: text,
  partition: fc.nat(),
  offset: fc.maxSafeNat(),
  eventId: text,
  durability: fc.constantFrom('log' as const, 'spooled' as const),
});
const result: fc.Arbitrary<EventResult> = fc.oneof(
  receipt.map((value) => ({ kind: 'receipt' as const, receipt: value })),
  fc.record({ code: fc.nat(16), message: text, eventId: text }).map((refusal) => ({ kind: 'refused' as const, refusal })),
);
const message = <T>(value: T) => ({ kind: 'message', message: value });
/** Header order is the wire's; a map encoded by generated code follows the object's key order. */
const sorted = (value: WireEvent): WireEvent => ({
  ...value,
  headers: value.headers.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
});

describe('hand-written codecs', () => {
  it('read what generated code writes', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 4 }), (events) => {
        const read = decodeEventBatch(
          Buffer.from(
            v1('EventBatch')
              .encode({ events: events.map(toGenerated) })
              .finish(),
          ),
        );
        expect(read.kind === 'message' ? message(read.message.map(sorted)) : read).toEqual(message(events.map(sorted)));
      }),
    );
  });

  it('write what generated code reads', () => {
    fc.assert(
      fc.property(event, result, (sent, answered) => {
        const read = v1('Event').toObject(v1('Event').decode(encodeEvent(sent)), { defaults: true, bytes: Buffer }) as Record<
          string,
          unknown
        >;
        expect({ payload: read['payload'], eventId: read['eventId'], headers: read['headers'] }).toEqual({
          payload: sent.payload,
          eventId: sent.eventId,
          headers: Object.fromEntries(sent.headers.map(({ key, value }) => [key, value])),
        });
        const batch = v1('ReceiptBatch').toObject(v1('ReceiptBatch').decode(encodeReceiptBatch([answered])), {
          longs: Number,
          enums: String,
          defaults: true,
        });
        const [first] = (batch as { results: [Record<string, unknown>] }).results;
        if (answered.kind === 'refused') expect(first['error']).toEqual(answered.refusal);
        else
          expect(first['receipt']).toEqual({
            ...answered.receipt,
            durability: `DURABILITY_${answered.receipt.durability.toUpperCase()}`,
          });
      }),
    );
  });

  it('read back what they write', () => {
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 3 }),
        fc.array(result, { maxLength: 3 }),
        receipt,
        bytes,
        (events, results, one, payload) => {
          expect(decodeEventBatch(encodeEventBatch(events))).toEqual(message(events));
          expect(decodeReceiptBatch(encodeReceiptBatch(results))).toEqual(message(results));
          expect(decodeReceipt(encodeReceipt(one))).toEqual(message(one));
          expect(decodeEventRequest(encodeEventRequest(payload))).toEqual(message(payload));
        },
      ),
    );
  });

  it('answer a message or malformed for any bytes, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (array) => {
        for (const decode of [decodeEvent, decodeEventBatch, decodeEventRequest, decodeReceiptBatch]) {
          expect(['message', 'malformed']).toContain(decode(Buffer.from(array)).kind);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('call every strict prefix of a message that cuts its payload malformed', () => {
    const whole = encodeEventRequest(Buffer.from('{"order_id":"a"}'));
    for (let length = 1; length < whole.length; length++)
      expect(decodeEventRequest(whole.subarray(0, length)).kind).toBe('malformed');
  });
});

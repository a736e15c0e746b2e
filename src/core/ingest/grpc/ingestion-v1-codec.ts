/** The messages of `proto/keystone/ingestion/v1/ingestion.proto` as bytes, both directions. */
import protobuf from 'protobufjs/minimal.js';
import type { EventHeader } from '../../event/envelope.js';
import {
  decodeMessage,
  readEmbedded,
  readFields,
  readText,
  WIRE_LENGTH_DELIMITED,
  type Decoded,
  type WireReader,
} from './wire-message.js';

/** `Event`; empty texts and an empty key mean "not given". */
export interface WireEvent {
  readonly payload: Uint8Array;
  readonly dataset: string;
  readonly key: Uint8Array;
  readonly eventId: string;
  readonly source: string;
  /** In the order of the wire. */
  readonly headers: readonly EventHeader[];
}

/** `Receipt`: where the event lies in the log, and what that promise stands on. */
export interface Receipt {
  readonly topic: string;
  readonly partition: number;
  /** -1 while it is spooled: it has none yet. */
  readonly offset: number;
  readonly eventId: string;
  readonly durability: 'log' | 'spooled';
}

/** Why an event was not kept; `code` is a gRPC status code. */
export interface EventRefusal {
  readonly code: number;
  readonly message: string;
  readonly eventId: string;
  /** When a limit stood against it: how long until it may be sent again. Not part of the message; a door tells it in its own way. */
  readonly retryAfterMs?: number | undefined;
}

export type EventResult =
  | { readonly kind: 'receipt'; readonly receipt: Receipt }
  | { readonly kind: 'refused'; readonly refusal: EventRefusal };

const NO_BYTES: Uint8Array = Buffer.alloc(0);
const tag = (field: number, wireType: number): number => (field << 3) | wireType;
const DURABILITIES = { log: 1, spooled: 2 } as const;

function readHeader(reader: WireReader): EventHeader {
  let key = '';
  let value = NO_BYTES;
  readEmbedded(reader, (field, wireType) => {
    if (wireType !== WIRE_LENGTH_DELIMITED) return false;
    if (field === 1) key = readText(reader, 'a header name');
    else if (field === 2) value = reader.bytes();
    else return false;
    return true;
  });
  return { key, value };
}

function eventReader(reader: WireReader): {
  readonly readField: (field: number, wireType: number) => boolean;
  readonly event: () => WireEvent;
} {
  let payload = NO_BYTES;
  let dataset = '';
  let key = NO_BYTES;
  let eventId = '';
  let source = '';
  const headers: EventHeader[] = [];
  return {
    readField: (field, wireType) => {
      if (wireType !== WIRE_LENGTH_DELIMITED) return false;
      if (field === 1) payload = reader.bytes();
      else if (field === 2) dataset = readText(reader, 'dataset');
      else if (field === 3) key = reader.bytes();
      else if (field === 4) eventId = readText(reader, 'event_id');
      else if (field === 5) source = readText(reader, 'source');
      else if (field === 6) headers.push(readHeader(reader));
      else return false;
      return true;
    },
    event: () => ({ payload, dataset, key, eventId, source, headers }),
  };
}

export const decodeEvent = (bytes: Buffer): Decoded<WireEvent> =>
  decodeMessage(bytes, (reader) => {
    const { readField, event } = eventReader(reader);
    readFields(reader, reader.len, readField);
    return event();
  });

export const decodeEventBatch = (bytes: Buffer): Decoded<readonly WireEvent[]> =>
  decodeMessage(bytes, (reader) => {
    const events: WireEvent[] = [];
    readFields(reader, reader.len, (field, wireType) => {
      if (field !== 1 || wireType !== WIRE_LENGTH_DELIMITED) return false;
      const { readField, event } = eventReader(reader);
      readEmbedded(reader, readField);
      events.push(event());
      return true;
    });
    return events;
  });

function writeEvent(writer: protobuf.Writer, event: WireEvent): void {
  if (event.payload.length > 0) writer.uint32(tag(1, 2)).bytes(event.payload);
  if (event.dataset !== '') writer.uint32(tag(2, 2)).string(event.dataset);
  if (event.key.length > 0) writer.uint32(tag(3, 2)).bytes(event.key);
  if (event.eventId !== '') writer.uint32(tag(4, 2)).string(event.eventId);
  if (event.source !== '') writer.uint32(tag(5, 2)).string(event.source);
  for (const header of event.headers) {
    writer.uint32(tag(6, 2)).fork().uint32(tag(1, 2)).string(header.key).uint32(tag(2, 2)).bytes(header.value).ldelim();
  }
}

export function encodeEvent(event: WireEvent): Buffer {
  const writer = protobuf.Writer.create();
  writeEvent(writer, event);
  return Buffer.from(writer.finish());
}

export function encodeEventBatch(events: readonly WireEvent[]): Buffer {
  const writer = protobuf.Writer.create();
  for (const event of events) {
    writer.uint32(tag(1, 2)).fork();
    writeEvent(writer, event);
    writer.ldelim();
  }
  return Buffer.from(writer.finish());
}

function writeReceipt(writer: protobuf.Writer, receipt: Receipt): void {
  writer.uint32(tag(1, 2)).string(receipt.topic);
  if (receipt.partition !== 0) writer.uint32(tag(2, 0)).int32(receipt.partition);
  if (receipt.offset !== 0) writer.uint32(tag(3, 0)).int64(receipt.offset);
  writer.uint32(tag(4, 2)).string(receipt.eventId).uint32(tag(5, 0)).int32(DURABILITIES[receipt.durability]);
}

export function encodeReceipt(receipt: Receipt): Buffer {
  const writer = protobuf.Writer.create();
  writeReceipt(writer, receipt);
  return Buffer.from(writer.finish());
}

export function encodeReceiptBatch(results: readonly EventResult[]): Buffer {
  const writer = protobuf.Writer.create();
  for (const result of results) {
    writer.uint32(tag(1, 2)).fork();
    if (result.kind === 'receipt') {
      writer.uint32(tag(1, 2)).fork();
      writeReceipt(writer, result.receipt);
    } else {
      const { code, message, eventId } = result.refusal;
      writer
        .uint32(tag(2, 2))
        .fork()
        .uint32(tag(1, 0))
        .int32(code)
        .uint32(tag(2, 2))
        .string(message)
        .uint32(tag(3, 2))
        .string(eventId);
    }
    writer.ldelim().ldelim();
  }
  return Buffer.from(writer.finish());
}

function receiptReader(reader: WireReader): {
  readonly readField: (field: number, wireType: number) => boolean;
  readonly receipt: () => Receipt;
} {
  let topic = '';
  let partition = 0;
  let offset = 0;
  let eventId = '';
  let durability: Receipt['durability'] = 'log';
  return {
    readField: (field) => {
      if (field === 1) topic = reader.string();
      else if (field === 2) partition = reader.int32();
      else if (field === 3) offset = Number(reader.int64());
      else if (field === 4) eventId = reader.string();
      else if (field === 5) durability = reader.int32() === DURABILITIES.spooled ? 'spooled' : 'log';
      else return false;
      return true;
    },
    receipt: () => ({ topic, partition, offset, eventId, durability }),
  };
}

export const decodeReceipt = (bytes: Buffer): Decoded<Receipt> =>
  decodeMessage(bytes, (reader) => {
    const { readField, receipt } = receiptReader(reader);
    readFields(reader, reader.len, readField);
    return receipt();
  });

function readResult(reader: WireReader): EventResult {
  let result: EventResult = {
    kind: 'refused',
    refusal: { code: 2, message: 'the server sent neither receipt nor error', eventId: '' },
  };
  readEmbedded(reader, (field) => {
    if (field === 1) {
      const { readField, receipt } = receiptReader(reader);
      readEmbedded(reader, readField);
      result = { kind: 'receipt', receipt: receipt() };
      return true;
    }
    if (field !== 2) return false;
    let code = 0;
    let message = '';
    let eventId = '';
    readEmbedded(reader, (inner) => {
      if (inner === 1) code = reader.int32();
      else if (inner === 2) message = reader.string();
      else if (inner === 3) eventId = reader.string();
      else return false;
      return true;
    });
    result = { kind: 'refused', refusal: { code, message, eventId } };
    return true;
  });
  return result;
}

export const decodeReceiptBatch = (bytes: Buffer): Decoded<readonly EventResult[]> =>
  decodeMessage(bytes, (reader) => {
    const results: EventResult[] = [];
    readFields(reader, reader.len, (field) => {
      if (field !== 1) return false;
      results.push(readResult(reader));
      return true;
    });
    return results;
  });

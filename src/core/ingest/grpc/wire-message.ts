/**
 * Decodes protobuf by hand, because the generated decoders repair broken UTF-8 in a `string` and accept a truncated one: a replica
 * must hold the bytes that came. What is no valid message is a value (`malformed`), so that the handler can answer
 * INVALID_ARGUMENT; a deserializer that throws would answer INTERNAL.
 */
import { isUtf8 } from 'node:buffer';
import protobuf from 'protobufjs/minimal.js';

export type WireReader = protobuf.Reader;

export interface MalformedMessage {
  readonly kind: 'malformed';
  readonly reason: string;
  /** The gRPC status to end with; absent: INVALID_ARGUMENT. */
  readonly code?: number;
}

export type Decoded<Message> = { readonly kind: 'message'; readonly message: Message } | MalformedMessage;

export const WIRE_LENGTH_DELIMITED = 2;

/** Thrown inside a decoder only; {@link decodeMessage} turns it into `malformed`. */
class MalformedError extends Error {}

/** Calls `readField` for each field; it answers false for a field it does not know (or of another wire type), which is skipped. */
export function readFields(reader: WireReader, end: number, readField: (field: number, wireType: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    if (field === 0) throw new MalformedError('field number 0');
    if (!readField(field, tag & 7)) reader.skipType(tag & 7);
    if (reader.pos > end) throw new MalformedError('a field reaches beyond its message');
  }
}

/** Reads an embedded message: its length, then its fields. */
export function readEmbedded(reader: WireReader, readField: (field: number, wireType: number) => boolean): void {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new MalformedError('a field reaches beyond its message');
  readFields(reader, end, readField);
}

/** A `string` field; proto3 demands UTF-8. */
export function readText(reader: WireReader, fieldName: string): string {
  const bytes = reader.bytes();
  if (!isUtf8(bytes)) throw new MalformedError(`${fieldName} is not UTF-8`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

/** Runs a decoder over one whole message. */
export function decodeMessage<Message>(bytes: Buffer, decode: (reader: WireReader) => Message): Decoded<Message> {
  try {
    return { kind: 'message', message: decode(protobuf.Reader.create(bytes)) };
  } catch (error) {
    // protobufjs throws plain errors for truncated varints, lengths beyond the end and unknown wire types.
    const reason = error instanceof MalformedError ? error.message : 'truncated or invalid protobuf';
    return { kind: 'malformed', reason };
  }
}

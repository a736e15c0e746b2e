/** The founding service's messages (`proto/ingestion.proto`) as bytes. */
import protobuf from 'protobufjs/minimal.js';
import { decodeMessage, readFields, WIRE_LENGTH_DELIMITED, type Decoded } from './wire-message.js';

const PAYLOAD_JSON = 1;
const NO_PAYLOAD: Uint8Array = Buffer.alloc(0);
/** `EventResponse { success: true }`. */
const SUCCESS = Buffer.from([0x08, 0x01]);

/** The bytes of `payload_json` as they came; absent is empty. */
export const decodeEventRequest = (bytes: Buffer): Decoded<Uint8Array> =>
  decodeMessage(bytes, (reader) => {
    let payload = NO_PAYLOAD;
    readFields(reader, reader.len, (field, wireType) => {
      if (field !== PAYLOAD_JSON || wireType !== WIRE_LENGTH_DELIMITED) return false;
      payload = reader.bytes();
      return true;
    });
    return payload;
  });

export const encodeEventRequest = (payload: Uint8Array): Buffer =>
  Buffer.from(protobuf.Writer.create().uint32(10).bytes(payload).finish());

/** The only answer there is: a failed append ends the call with CANCELLED instead. */
export const encodeEventResponse = (): Buffer => SUCCESS;

/**
 * A stream's message that cannot be taken, told in its turn. grpc-js ends a call at once when a message is larger than allowed or
 * cannot be decompressed, and throws away what it had read before it and not yet handed on: a client would get no answer for
 * batches that are in the log. Here such a message goes through the queue like any other, and the handler ends the stream after
 * the answers to what came before it.
 *
 * Framing: one byte of flags, four of length (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
import { status, type ServerInterceptor } from '@grpc/grpc-js';
import type { MalformedMessage } from './wire-message.js';

const PREFIX_BYTES = 5;

/** The parts of grpc-js's own call that decide what becomes of the bytes; the package keeps them to itself. */
interface OwnCall {
  decoder: { write(chunk: Buffer): Buffer[] };
  decompressMessage(message: Buffer, encoding: string): Buffer | Promise<Buffer>;
}

/** Bytes that stand for a message which is none: by identity, so that no client can send them. */
const refusals = new WeakMap<Uint8Array, MalformedMessage>();

/** What is to be answered instead of decoding; null for a client's bytes. */
export const refusalOf = (bytes: Uint8Array): MalformedMessage | null => refusals.get(bytes) ?? null;

const refusal = (code: number, reason: string): Buffer => {
  const bytes = Buffer.alloc(PREFIX_BYTES);
  refusals.set(bytes, { kind: 'malformed', reason, code });
  return bytes;
};

/** Cuts a stream's bytes into framed messages; behind the first that is too large it takes nothing more. */
export function messageCutter(maxBytes: number): { write(chunk: Buffer): Buffer[] } {
  let prefix = Buffer.alloc(0);
  let parts: Buffer[] = [];
  let missing = 0;
  let isOver = false;
  return {
    write(chunk) {
      const messages: Buffer[] = [];
      let at = 0;
      while (at < chunk.length && !isOver) {
        if (prefix.length < PREFIX_BYTES) {
          const taken = chunk.subarray(at, at + PREFIX_BYTES - prefix.length);
          prefix = Buffer.concat([prefix, taken]);
          at += taken.length;
          if (prefix.length < PREFIX_BYTES) break;
          missing = prefix.readUInt32BE(1);
          if (missing > maxBytes) {
            isOver = true;
            messages.push(
              refusal(
                status.RESOURCE_EXHAUSTED,
                `the batch has ${missing} bytes, and at most ${maxBytes} are taken in one message`,
              ),
            );
            break;
          }
        }
        const taken = chunk.subarray(at, at + missing);
        if (taken.length > 0) parts.push(taken);
        at += taken.length;
        missing -= taken.length;
        if (missing > 0) break;
        messages.push(Buffer.concat([prefix, ...parts]));
        prefix = Buffer.alloc(0);
        parts = [];
      }
      return messages;
    },
  };
}

const asRefusal = (error: unknown): Buffer => {
  const { code, details } = error as { readonly code?: number; readonly details?: string };
  return refusal(code ?? status.INTERNAL, details ?? 'the message cannot be decompressed');
};

/** For the methods of `paths`; has to be the first interceptor, the one that gets grpc-js's own call. */
export const refusingInOrder =
  (paths: ReadonlySet<string>, maxBytes: number): ServerInterceptor =>
  (method, call) => {
    if (!paths.has(method.path)) return call as ReturnType<ServerInterceptor>;
    const own = call as unknown as OwnCall;
    const decompress = own.decompressMessage.bind(own);
    own.decoder = messageCutter(maxBytes);
    own.decompressMessage = (message, encoding) => {
      if (refusals.has(message)) return message;
      const plain = decompress(message, encoding);
      return plain instanceof Promise ? plain.catch(asRefusal) : plain;
    };
    return call as ReturnType<ServerInterceptor>;
  };

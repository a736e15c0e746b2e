/**
 * How much of a gRPC request has arrived. grpc-js keeps the bytes of a message until it is whole, and a single request until its
 * end, and tells nobody: a client that dribbles would hold memory for as long as it likes.
 *
 * A single request is owed from its start to its end. In a stream of requests a message is owed from its first byte to its last
 * (one byte of flags, four of length: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md); between messages the client
 * may wait.
 */
export interface ArrivingRequest {
  arrived(chunk: Uint8Array, nowMs: number): void;
  /** The client has said that nothing more comes. */
  ended(): void;
  /** Bytes held for what is not whole. */
  heldBytes(): number;
  /** Whether anything has arrived whole. */
  isWhole(): boolean;
  /** Since when the client owes the rest; null: it owes nothing. */
  owesSinceMs(): number | null;
}

const PREFIX_BYTES = 5;

export function singleRequest(openedMs: number): ArrivingRequest {
  let held = 0;
  let isEnded = false;
  return {
    arrived(chunk) {
      held += chunk.length;
    },
    ended() {
      held = 0;
      isEnded = true;
    },
    heldBytes: () => held,
    isWhole: () => isEnded,
    owesSinceMs: () => (isEnded ? null : openedMs),
  };
}

export function streamOfRequests(): ArrivingRequest {
  let prefix = 0;
  let bodyLeft = 0;
  let held = 0;
  let isWhole = false;
  let begunMs: number | null = null;

  const complete = (): void => {
    isWhole = true;
    prefix = 0;
    bodyLeft = 0;
    held = 0;
    begunMs = null;
  };

  return {
    arrived(chunk, nowMs) {
      let at = 0;
      while (at < chunk.length) {
        begunMs ??= nowMs;
        if (prefix < PREFIX_BYTES) {
          // The first byte is flags, the rest the length, most significant byte first.
          if (prefix > 0) bodyLeft = bodyLeft * 256 + (chunk[at] as number);
          at++;
          prefix++;
          held++;
        } else {
          const taken = Math.min(bodyLeft, chunk.length - at);
          at += taken;
          bodyLeft -= taken;
          held += taken;
        }
        if (prefix === PREFIX_BYTES && bodyLeft === 0) complete();
      }
    },
    ended: complete,
    heldBytes: () => held,
    isWhole: () => isWhole,
    owesSinceMs: () => begunMs,
  };
}

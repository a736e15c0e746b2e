/** Bound on the bytes that are taken from clients and not yet durable: what does not fit is refused, never buffered. */
export interface InFlightBudget {
  /** Takes the bytes; false (and takes nothing) when they do not fit. */
  reserve(bytes: number): boolean;
  release(bytes: number): void;
  readonly maxBytes: number;
}

export function createInFlightBudget(maxBytes: number): InFlightBudget {
  let used = 0;
  return {
    maxBytes,
    reserve(bytes) {
      if (used + bytes > maxBytes) return false;
      used += bytes;
      return true;
    },
    release(bytes) {
      used -= bytes;
    },
  };
}

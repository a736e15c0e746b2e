/** Bound on the bytes of HTTP bodies that are being read: over all, and of one remote address, so that nobody takes the whole of it. */
import { createInFlightBudget, type InFlightBudget } from '../in-flight-budget.js';

export interface ReadingBudget {
  /** The budget of one address; what it takes counts for all. */
  of(address: string): InFlightBudget;
}

export function createReadingBudget(maxBytes: number, maxBytesPerAddress: number): ReadingBudget {
  const all = createInFlightBudget(maxBytes);
  /** Addresses without bytes have no entry: memory follows those that are sending. */
  const used = new Map<string, number>();
  const add = (address: string, bytes: number): void => {
    const now = (used.get(address) ?? 0) + bytes;
    if (now > 0) used.set(address, now);
    else used.delete(address);
  };
  return {
    of: (address) => ({
      maxBytes: maxBytesPerAddress,
      reserve(bytes) {
        if ((used.get(address) ?? 0) + bytes > maxBytesPerAddress || !all.reserve(bytes)) return false;
        add(address, bytes);
        return true;
      },
      release(bytes) {
        all.release(bytes);
        add(address, -bytes);
      },
    }),
  };
}

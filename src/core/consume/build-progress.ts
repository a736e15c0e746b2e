/** What a run of the consumer has done so far; landing and deriving add to it. */
import type { CareTotals } from '../care/automatic-care.js';
import type { KeystoneConfig } from '../config/config.js';
import type { DerivedCounts } from '../silver/derivation.js';

export interface BuildProgress {
  landed: number;
  landedBytes: number;
  batches: number;
  derived: DerivedCounts;
  care: CareTotals;
}

/** Share of the memory bound for the records of one batch. */
const BATCH_SHARE = 0.1;

/** Bounds of one batch of landing, and of one step of deriving. */
export const stepLimits = (
  consume: Pick<KeystoneConfig['consume'], 'flushRows' | 'flushBytes' | 'maxMemory'>,
): { readonly maxRows: number; readonly maxBytes: number } => ({
  maxRows: consume.flushRows,
  // Never nothing: a batch that may hold no byte would be looked for without end.
  maxBytes: Math.max(1, Math.min(consume.flushBytes, Math.floor(consume.maxMemory * BATCH_SHARE))),
});

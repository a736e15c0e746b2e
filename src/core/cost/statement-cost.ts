/** What a statement costs, by the price book `cost.*`. */
import type { ResolvedConfig } from '../config/config.js';

export type PriceBook = ResolvedConfig['cost'];

const TB = 1e12;
const GB = 1e9;
/** Athena rounds what it bills up to whole megabytes. */
const BILLED_UNIT = 1e6;

/** Athena bills what a statement reads, and a least amount for each; the others bill nothing here. */
export function billedBytes(prices: PriceBook, engine: string, bytesScanned: number): number {
  if (engine !== 'athena') return 0;
  return Math.max(prices.scanMinimum, Math.ceil(bytesScanned / BILLED_UNIT) * BILLED_UNIT);
}

/** US dollars. */
export const scanDollars = (prices: PriceBook, billed: number): number => (billed / TB) * prices.scanPerTb;

/** US dollars for a month. */
export const storageDollars = (prices: PriceBook, bytes: number): number => (bytes / GB) * prices.storagePerGbMonth;

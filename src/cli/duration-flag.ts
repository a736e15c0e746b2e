/** A length of time as the value of a flag: `500ms`, `5s`, `2m`, as in keystone.yaml. */
import { KeystoneError } from '../core/errors.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds; text that is no duration, or one below `leastMs`, is KS_USAGE naming the flag. */
export function durationFlagMs(flag: string, text: string, leastMs: number): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const ms = amount === undefined || unit === undefined ? undefined : Math.round(Number(amount) * (UNITS[unit] ?? Number.NaN));
  if (ms !== undefined && ms >= leastMs) return ms;
  throw new KeystoneError('KS_USAGE', `--${flag}: "${text}" is ${ms === undefined ? 'no duration' : `too short`}`, {
    hint: `write it like 500ms, 5s or 2m; ${leastMs}ms is the least`,
  });
}

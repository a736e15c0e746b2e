/** A length of time as the value of a flag: `500ms`, `5s`, `2m`, as in keystone.yaml. */
import { parseDuration } from '../core/config/units.js';
import { KeystoneError } from '../core/errors.js';

/** Milliseconds; text that is no duration, or one below `leastMs`, is KS_USAGE naming the flag. */
export function durationFlagMs(flag: string, text: string, leastMs: number): number {
  const ms = parseDuration(text);
  if (ms !== null && ms >= leastMs) return ms;
  throw new KeystoneError('KS_USAGE', `--${flag}: "${text}" is ${ms === null ? 'no duration' : `too short`}`, {
    hint: `write it like 500ms, 5s, 2m, 1h or 7d; ${leastMs % 1000 === 0 ? `${leastMs / 1000}s` : `${leastMs}ms`} is the least`,
  });
}

/** A size as the value of a flag: `10GB`, `512MiB`, as in keystone.yaml. */
import { KeystoneError } from '../core/errors.js';

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
};

/** Bytes; text that is no size is KS_USAGE naming the flag. */
export function sizeFlagBytes(flag: string, text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim()) ?? [];
  const size = UNITS[unit?.toUpperCase() ?? ''];
  if (amount !== undefined && size !== undefined) return Math.round(Number(amount) * size);
  throw new KeystoneError('KS_USAGE', `--${flag}: "${text}" is no size`, { hint: 'write it like 512MB or 10GB' });
}

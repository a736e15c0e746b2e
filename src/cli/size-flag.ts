/** A size as the value of a flag: `10GB`, `512MiB`, as in keystone.yaml. */
import { parseSize } from '../core/config/units.js';
import { KeystoneError } from '../core/errors.js';

/** Bytes; text that is no size is KS_USAGE naming the flag. */
export function sizeFlagBytes(flag: string, text: string): number {
  const size = parseSize(text);
  if (size !== null) return size;
  throw new KeystoneError('KS_USAGE', `--${flag}: "${text}" is no size`, { hint: 'write it like 512MB or 10GB' });
}

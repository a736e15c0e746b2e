/** The `--linger` flag: `5ms`, `1s`. */
import { durationMs } from '../config/setting-values.js';
import { KeystoneError } from '../errors.js';

/** Milliseconds; undefined stays undefined (as configured). @throws KeystoneError KS_USAGE for text that is no duration. */
export function parseLinger(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = durationMs.safeParse(/^\d+$/.test(text) ? Number(text) : text);
  if (parsed.success) return parsed.data;
  throw new KeystoneError('KS_USAGE', `--linger: ${parsed.error.issues[0]?.message ?? 'no duration'}`, {
    hint: 'keystone ingest serve --linger 5ms',
  });
}

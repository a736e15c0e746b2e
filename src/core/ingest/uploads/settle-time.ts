/** The `--settle` flag: how long an uploaded file must have stood still before it is taken. */
import { durationMs } from '../../config/setting-values.js';
import { KeystoneError } from '../../errors.js';

const DEFAULT_MS = 2000;
/** Beyond this no file would ever be taken. */
const LONGEST_MS = 3_600_000;

/** Milliseconds; 2 s when not given. @throws KeystoneError KS_USAGE for text that is no duration, or more than an hour. */
export function parseSettle(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MS;
  const parsed = durationMs.safeParse(/^\d+$/.test(text) ? Number(text) : text);
  if (parsed.success && parsed.data <= LONGEST_MS) return parsed.data;
  const why = parsed.success ? 'more than an hour' : (parsed.error.issues[0]?.message ?? 'no duration');
  throw new KeystoneError('KS_USAGE', `--settle: ${why}`, { hint: 'keystone ingest watch DIR --settle 2s' });
}

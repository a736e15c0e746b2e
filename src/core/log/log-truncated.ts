/** Events that expired before the lake read them: an incident with exact offsets, never skipped without a word. */
import { KeystoneError } from '../errors.js';

/** What is to be done about it, in this order. */
export const WAYS_OUT =
  'raise the topic’s retention first, so that no more expires; if the events exist elsewhere, a recorded trace for one, ' +
  'keystone ingest replay brings them in again afterwards; then: keystone consume accept-loss --dry-run';

/** The refusal; `what` names the partition and the offsets. */
export const logTruncated = (what: string, details: Readonly<Record<string, string | number>>): KeystoneError =>
  new KeystoneError('KS_LOG_TRUNCATED', what, { hint: WAYS_OUT, details });

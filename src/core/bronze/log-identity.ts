/**
 * Which log bronze was landed from. Offsets alone do not tell: a topic that was made anew and has outgrown the old one has an event at
 * every offset where the lake would go on, and those below it would be skipped without a word. So bronze's snapshots carry the
 * identity of each topic beside its offsets.
 */
import { z } from 'zod';
import { KeystoneError } from '../errors.js';
import { newestWith } from '../table/state-line.js';
import { SUMMARY_LOG_ID } from '../table/snapshot-offsets.js';
import type { TableState } from '../table/table-api.js';

const storedIds = z.record(z.string(), z.string());

/** Identities by topic; empty before any was recorded. Throws KS_TABLE_CORRUPT when they are unreadable. */
export function landedLogIds(bronze: TableState): Readonly<Record<string, string>> {
  const text = newestWith(bronze, SUMMARY_LOG_ID)?.[SUMMARY_LOG_ID];
  if (text === undefined) return {};
  try {
    return storedIds.parse(JSON.parse(text));
  } catch (cause) {
    throw new KeystoneError('KS_TABLE_CORRUPT', `bronze.events has an unreadable ${SUMMARY_LOG_ID} in its snapshot summary`, {
      hint: 'keystone table show bronze.events',
      cause,
    });
  }
}

/** True when bronze holds events of another topic of this name. An identity that is unknown on either side proves nothing. */
export function isOtherLog(bronze: TableState, topic: string, logId: string | null): boolean {
  const landed = landedLogIds(bronze)[topic];
  return landed !== undefined && logId !== null && landed !== logId;
}

/** Entries for the summary of a commit that lands events of `topic`; those of other topics stay. */
export function logIdSummary(bronze: TableState, topic: string, logId: string | null): Readonly<Record<string, string>> {
  if (logId === null) return {};
  return { [SUMMARY_LOG_ID]: JSON.stringify({ ...landedLogIds(bronze), [topic]: logId }) };
}

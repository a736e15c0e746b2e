/** Which snapshot of a table a person means: by id, by time, or by its place in the current line. */
import { KeystoneError } from '../errors.js';
import type { Snapshot, TableName, TableState } from '../table/table-api.js';
import { lineOf } from '../table/state-line.js';

/** How `resolveSnapshot` reads its text, for the description of an argument. */
const SNAPSHOT_TEXT =
  'a snapshot id, a UTC time (2018-08-31T12:00:00; a day alone is its midnight) for the last snapshot at or before it, previous, or current';

/** Day, optional time of day, optional offset; without an offset it is UTC. */
const TIME = /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2})(?::(\d{2}(?:\.\d{1,6})?))?\s?(Z|[+-]\d{2}:\d{2})?)?$/i;

/**
 * `text` is
 * - a snapshot id: any kept snapshot, those that a rollback left behind included;
 * - an ISO time or day (a day is its midnight, UTC): the newest snapshot of the current line that was committed at or before it;
 * - `current`, or `previous`: the current one's parent.
 *
 * Throws KS_NOT_FOUND when the table holds no such snapshot (any more), KS_USAGE when the text is none of these.
 */
export function resolveSnapshot(state: TableState, text: string, name: TableName): Snapshot {
  const asked = text.trim();
  const hint = `keystone table history ${name} lists the snapshots that are kept.`;
  const none = (message: string): KeystoneError => new KeystoneError('KS_NOT_FOUND', message, { hint });
  if (state.currentSnapshot === null && state.snapshots.length === 0) throw none(`${name} has no snapshot yet`);
  if (/^\d+$/.test(asked)) {
    const found = state.snapshots.find(({ id }) => id === BigInt(asked));
    if (found) return found;
    throw none(`${name} has no snapshot ${asked}, or it has expired`);
  }
  const line = lineOf(state);
  if (asked === 'current') return line[0] ?? raise(none(`${name} has no current snapshot`));
  if (asked === 'previous') return line[1] ?? raise(none(`${name} keeps no snapshot before its current one`));
  const ms = timeOf(asked);
  if (ms === null) {
    throw new KeystoneError('KS_USAGE', `"${text}" names no snapshot of ${name}: write ${SNAPSHOT_TEXT}`, { hint });
  }
  const oldest = line.at(-1);
  return (
    line.find(({ timestampMs }) => timestampMs <= ms) ??
    raise(
      none(
        `${name} keeps no snapshot from ${new Date(ms).toISOString()} or before${
          oldest ? `; its oldest is ${oldest.id} of ${new Date(oldest.timestampMs).toISOString()}` : ''
        }`,
      ),
    )
  );
}

/** ms since the epoch, rounded down; null when the text is no time that exists. */
function timeOf(text: string): number | null {
  const [, day, minutes = '00:00', seconds = '00', offset = 'Z'] = TIME.exec(text) ?? [];
  if (day === undefined) return null;
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // Date.parse takes 30 February for 2 March.
  if (Number.isNaN(midnight) || !new Date(midnight).toISOString().startsWith(day)) return null;
  const wholeMs = seconds.replace(/(\.\d{3})\d+$/, '$1');
  const ms = Date.parse(`${day}T${minutes}:${wholeMs}${offset.toUpperCase()}`);
  return Number.isNaN(ms) ? null : ms;
}

function raise(error: KeystoneError): never {
  throw error;
}

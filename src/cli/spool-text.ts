/** What `ledger verify` says of the events that wait on this machine. */
import type { SpoolAccount } from '../core/ledger/spool-account.js';
import { counted } from './counted.js';
import { durationText } from './lag/amount-text.js';
import { sizeText } from './size-text.js';

const OTHERS = 'servers on other machines have spools of their own';

/** Lines of a terminal; none where the log has no spool. */
export function spoolLines(spool: SpoolAccount | null): readonly string[] {
  if (!spool) return [];
  if (spool.events === 0) return [`Spool of this machine: no event waits; ${OTHERS}`];
  const { events, slots, oldestAgeMs, inDoubt, inLog, isDraining } = spool;
  const age = oldestAgeMs === null ? '' : `, the oldest for ${durationText(oldestAgeMs / 1000)}`;
  const moving = isDraining ? '; they went into the log while the account was taken, so some may be counted in both' : '';
  const doubt =
    inDoubt === 0
      ? ''
      : inLog === null
        ? `; at most ${inDoubt} of them were sent already and may be in the log too (--deep asks it)`
        : `; the log has ${inLog} of them already and will not take them twice`;
  return [
    `SPOOLED ${counted(events, 'event')} wait on this machine for the log${age}${doubt}${moving}; ${OTHERS}`,
    ...slots.map(
      ({ topic, slot, events: waiting, bytes, oldestAt }) =>
        `  ${topic}/${slot}: ${counted(waiting, 'event')}, ${sizeText(bytes)}, the oldest from ${oldestAt ?? 'an unknown time'}`,
    ),
  ];
}

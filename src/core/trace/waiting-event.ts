/** Events that are accepted and not in bronze yet, as a trace tells of them; and what of an event is told wherever it is. */
import type { BronzeRecord } from '../bronze/bronze-record.js';
import { HEADER_RECEIVED_AT, HEADER_REPLAY_OF } from '../event/envelope.js';
import { readableBytes } from '../quarantine/readable-bytes.js';
import type { BronzeRow } from './bronze-rows.js';
import type { LogView } from './log-search.js';
import { momentText } from './moment-text.js';
import type { SinceFound, SpooledEvent } from './spool-search.js';
import type { TracedEvent } from './traced-event.js';

type Receipt = Pick<BronzeRow, 'receivedAt' | 'replayOf' | 'isReceiptOfOriginal'>;

function receiptOf(record: BronzeRecord): Receipt {
  const names = record.headers.map(({ key }) => key);
  const textOf = (name: string): string | null => {
    const value = record.headers[names.indexOf(name)]?.value;
    return value ? Buffer.from(value).toString('utf8') : null;
  };
  const replayAt = names.indexOf(HEADER_REPLAY_OF);
  return {
    receivedAt: textOf(HEADER_RECEIVED_AT),
    replayOf: textOf(HEADER_REPLAY_OF),
    isReceiptOfOriginal: replayAt !== -1 && names.indexOf(HEADER_RECEIVED_AT) > replayAt,
  };
}

/** An event that the log holds and bronze does not. */
export function waitingEvent(record: BronzeRecord, view: LogView): TracedEvent {
  const next = view.isOther ? 0 : view.landedNext(record.partition);
  return {
    ...identityOf(record, Buffer.from(record.eventId).toString('utf8'), receiptOf(record)),
    log: { state: 'held', time: momentText(BigInt(record.timestampUs)) },
    bronze: null,
    verdict: { kind: 'pending', waitsFor: 'bronze', eventsBefore: record.offset - next },
    supersedes: [],
    gold: [],
  };
}

/** An event that lies in the spool of this machine. */
export function spooledEvent(
  { record, slot, spooledAtMs, eventsBefore }: SpooledEvent,
  since: SinceFound,
  view: LogView,
): TracedEvent {
  const time = new Date(spooledAtMs).toISOString();
  const log = since === 'unknown' ? 'sent' : since === 'waits' ? 'waits' : 'taken';
  const offset = typeof since === 'object' ? since.offset : null;
  return {
    ...identityOf({ ...record, offset }, Buffer.from(record.eventId).toString('utf8'), receiptOf(record)),
    log: { state: 'spooled', time, slot: slot.slot, log },
    bronze: null,
    verdict:
      offset === null
        ? { kind: 'pending', waitsFor: 'log', eventsBefore }
        : { kind: 'pending', waitsFor: 'bronze', eventsBefore: Math.max(0, offset - view.landedNext(record.partition)) },
    supersedes: [],
    gold: [],
  };
}

/** The parts that do not depend on how far it has come. */
export function identityOf(
  event: Pick<TracedEvent, 'topic' | 'partition' | 'offset' | 'dataset'> & Pick<BronzeRow, 'source' | 'key' | 'payload'>,
  eventId: string,
  { receivedAt, replayOf, isReceiptOfOriginal }: Receipt,
): Omit<TracedEvent, 'log' | 'bronze' | 'verdict' | 'supersedes' | 'gold'> {
  const { topic, partition, offset, dataset, source, key, payload } = event;
  const at = receivedAt !== null && /^\d{1,16}$/.test(receivedAt) ? momentText(BigInt(receivedAt)) : null;
  return {
    topic,
    partition,
    offset,
    eventId,
    dataset,
    key: key && readableBytes(key).text,
    payloadBytes: payload && payload.length,
    accepted: { at, source, of: isReceiptOfOriginal ? 'original' : 'itself' },
    replayOf,
  };
}

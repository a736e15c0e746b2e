/** A trace as lines of text for a terminal: one block for each event, its hops in the order in which it went. */
import type { Trace } from './run-trace.js';
import { placeText } from './trace-target.js';
import type { EventRef, FileRow, GoldFeed, SnapshotRef, TracedEvent, Verdict } from './traced-event.js';

/** Ids, keys and values are strangers' bytes: control characters are written as `\u001b`, so that none can drive a terminal. */
const harmless = (text: string): string =>
  text.replaceAll(/\p{Cc}/gu, (control) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`);

const TIME_WIDTH = 27;
const HOP_WIDTH = 10;
/** Earlier versions and gold rows that are named one by one. */
const NAMED = 5;

export function describeTrace(trace: Trace): string {
  const blocks = trace.events.map((event) => describeEvent(event).join('\n'));
  const rows = trace.target.kind === 'key' ? trace.events.flatMap(currentRow) : [];
  return [...blocks, ...rows].map(harmlessLines).join('\n\n');
}

const harmlessLines = (text: string): string => text.split('\n').map(harmless).join('\n');

/** The command that goes on from this answer; null when there is nothing to do. */
export function nextCommand({ events }: Trace): string | null {
  const event = events.at(-1);
  if (!event) return null;
  const place = placeText(event);
  const { verdict } = event;
  switch (verdict.kind) {
    case 'pending':
      if (verdict.waitsFor === 'log') return 'keystone ingest spool status';
      return 'keystone consume run --until-caught-up';
    case 'error':
    case 'quarantined':
      return `keystone quarantine show ${place}`;
    case 'duplicate':
      return verdict.of && `keystone trace ${placeText(verdict.of)}`;
    case 'superseded':
      return verdict.by && `keystone trace ${placeText(verdict.by)}`;
    case 'lost':
      return 'keystone ledger verify --deep';
    case 'current':
      return event.gold.some(({ upToDate }) => !upToDate) ? 'keystone gold run' : null;
  }
}

function describeEvent(event: TracedEvent): readonly string[] {
  const hop = (time: string | null, name: string, text: string): string =>
    `  ${(time ?? '').padEnd(TIME_WIDTH)}  ${name.padEnd(HOP_WIDTH)}  ${text}`;
  const { accepted, log, bronze, verdict } = event;
  const lines = [
    `${event.dataset} event ${event.eventId}`,
    hop(
      accepted.at,
      'accepted',
      `${accepted.source === null ? 'from an unnamed source' : `from ${accepted.source}`}${sizeText(event)}`,
    ),
    ...(event.replayOf === null ? [] : [hop(null, 'replay', replayText(event, event.replayOf))]),
    hop(log.time, log.state === 'spooled' ? 'spool' : 'log', `${placeText(event)}, ${logText(event)}`),
  ];
  if (bronze) lines.push(hop(bronze.ingestedAt, 'bronze', `${rowText(bronze)}${snapshotText(bronze.snapshot)}`));
  lines.push(hop(verdictTime(verdict), verdictHop(verdict), verdictText(verdict)));
  if (event.supersedes.length > 0) lines.push(hop(null, 'supersedes', versionsText(event.supersedes)));
  for (const feed of event.gold) lines.push(hop(null, 'gold', goldText(feed)));
  return lines;
}

const replayText = ({ accepted }: TracedEvent, replayOf: string): string =>
  `of ${replayOf}, under a new id${accepted.of === 'original' ? "; the time and the source above are the original's" : ''}`;

function sizeText({ payloadBytes, key }: TracedEvent): string {
  const size = payloadBytes === null ? 'a tombstone' : `${payloadBytes} bytes`;
  return `, ${size}${key === null ? ', no key' : `, key ${key}`}`;
}

function logText({ log }: TracedEvent): string {
  switch (log.state) {
    case 'held':
      return 'still held';
    case 'expired':
      return `expired (the log begins at ${log.logStart})`;
    case 'elsewhere':
      return "a topic that is not this project's";
    case 'replaced':
      return 'of a topic that was deleted or made anew since';
    case 'away':
      return 'which does not answer now';
    case 'spooled':
      return `${log.slot} of this machine, ${SPOOLED[log.log]}`;
  }
}

const SPOOLED = {
  waits: 'not yet in the log',
  taken: 'in the log already, to be marked so',
  sent: 'sent already: whether the log took it cannot be told now',
} as const;

const rowText = ({ file, rowGroup, row }: FileRow): string => `${file}, row group ${rowGroup}, row ${row}`;
const snapshotText = (snapshot: SnapshotRef | null): string =>
  snapshot === null ? '; its snapshot has expired' : `; snapshot ${snapshot.id}`;
const zoneText = (at: Partial<FileRow>): string =>
  at.file === undefined || at.rowGroup === undefined || at.row === undefined
    ? ''
    : `; ${rowText({ file: at.file, rowGroup: at.rowGroup, row: at.row })}`;
const refText = (ref: EventRef | null): string =>
  ref === null ? 'an event that is not named' : `${placeText(ref)}${ref.eventId === null ? '' : ` (${ref.eventId})`}`;

function verdictTime(verdict: Verdict): string | null {
  if (verdict.kind === 'current') return verdict.snapshot?.committed ?? null;
  return 'processedAt' in verdict ? verdict.processedAt : null;
}

const verdictHop = ({ kind }: Verdict): string =>
  kind === 'current' ? 'silver' : kind === 'pending' || kind === 'lost' ? '' : kind;

function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'pending':
      return `pending: waits for ${verdict.waitsFor === 'log' ? 'the log' : verdict.waitsFor}, ${verdict.eventsBefore} events of its partition before it`;
    case 'current':
      return `current in ${verdict.table}: ${rowText(verdict)}${snapshotText(verdict.snapshot)}`;
    case 'error': {
      const line = verdict.csvLine === null ? '' : `, line ${verdict.csvLine}`;
      return `${verdict.class}${verdict.detail === null ? '' : `: ${verdict.detail}`}${line}${zoneText(verdict)}`;
    }
    case 'quarantined': {
      const contract = verdict.contractVersion === null ? 'no contract' : `contract ${verdict.contractVersion}`;
      const first = verdict.conflictsWith ? `; the id was first ${refText(verdict.conflictsWith)}` : '';
      return `${verdict.reasons.join(', ')} (${contract})${first}${zoneText(verdict)}`;
    }
    case 'duplicate':
      return `of ${refText(verdict.of)}`;
    case 'superseded':
      return `by ${refText(verdict.by)}`;
    case 'lost':
      return 'LOST: judged, and neither in silver nor disposed of';
  }
}

function versionsText(versions: readonly EventRef[]): string {
  const more = versions.length > NAMED ? `, and ${versions.length - NAMED} more` : '';
  return `${versions.slice(0, NAMED).map(refText).join(', ')}${more}`;
}

function goldText(feed: GoldFeed): string {
  const stale = feed.upToDate ? '' : '; not yet in it: gold was built before';
  const partitions = feed.partitions.length > 0 ? ` of ${feed.partitions.join(', ')}` : '';
  const named = feed.rows
    .slice(0, NAMED)
    .map((row) =>
      Object.entries(row)
        .map(([column, value]) => `${column}=${String(value)}`)
        .join(' '),
    )
    .join(' | ');
  switch (feed.granularity) {
    case 'row':
      return `${feed.model}${partitions}: ${feed.rowCount} ${feed.rowCount === 1 ? 'row' : 'rows'} in ${feed.files.join(', ')}: ${named}${stale}`;
    case 'none':
      return `${feed.model}${partitions}: no row has it${stale}`;
    case 'partition':
      return `${feed.model}: partition ${feed.partitions.join(', ')}${named === '' ? '' : `, ${named}`} (${feed.why ?? ''})${stale}`;
    case 'table':
      return `${feed.model}: somewhere in it (${feed.why ?? ''})${stale}`;
  }
}

/** The current row of a key, column by column. */
function currentRow({ dataset, key, verdict }: TracedEvent): readonly string[] {
  if (verdict.kind !== 'current') return [];
  const width = Math.max(...Object.keys(verdict.values).map((name) => name.length));
  const lines = Object.entries(verdict.values).map(
    ([name, value]) => `  ${name.padEnd(width)}  ${value === null ? '' : String(value)}`,
  );
  return [[`The current row of ${key ?? ''} in silver.${dataset}`, ...lines].join('\n')];
}

/** `trace`: follows one event, or all events of a business key, from the door to gold. */
import type { BronzeRecord } from '../bronze/bronze-record.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import { loadModels } from '../gold/load-models.js';
import type { Lakehouse } from '../lakehouse.js';
import type { EventLog } from '../log/event-log.js';
import type { ReportProgress } from '../progress.js';
import type { Table, TableState } from '../table/table-api.js';
import { type BronzeRow, findIndexed, findPlaces, type FoundRows, type IndexUse, MOST_EVENTS } from './bronze-rows.js';
import { businessKeyBytes } from './business-key-bytes.js';
import { rowPlaces } from './file-rows.js';
import { goldFeeds } from './gold-feeds.js';
import { broughtBy, judgeEvents, type JudgedEvent } from './judge-events.js';
import { type LogView, pendingCount, recordAt, searchPending, viewLog } from './log-search.js';
import { momentText } from './moment-text.js';
import { nothingFound } from './nothing-found.js';
import { type TraceRequest, type TraceTarget, traceTarget } from './trace-target.js';
import { searchSpool, sinceFound, type SpooledEvent } from './spool-search.js';
import type { GoldFeed, LogHop, TracedEvent } from './traced-event.js';
import { identityOf, spooledEvent, waitingEvent } from './waiting-event.js';

export interface TraceOptions extends TraceRequest {
  /** Also look where a look costs more than a moment: large gold tables, everything that waits in the log. */
  readonly deep?: boolean;
  readonly onProgress?: ReportProgress;
}

export interface Trace {
  readonly target: TraceTarget;
  /** In the order in which the log took them. */
  readonly events: readonly TracedEvent[];
  /** Events that fit, where `events` holds some of them only. */
  readonly total: number;
  readonly index: IndexUse;
  /** Events that wait in the log and were not looked through. */
  readonly notSearched: number;
  /** Places that could not be looked into, and why. */
  readonly warnings: readonly string[];
}

/** Waiting events that are looked through when the lake has an answer, and when it has none. */
const PENDING = { known: 10_000, unknown: 300_000 } as const;
const NO_INDEX: IndexUse = { dataFiles: 0, readFiles: 0, madeIndexes: 0 };

/**
 * Throws KS_USAGE for a target that is none, KS_NOT_FOUND saying why there is no such event: unknown, beyond the log's end, in a
 * hole, or expired before it was landed.
 */
export async function runTrace(lakehouse: Lakehouse, options: TraceOptions): Promise<Trace> {
  const target = traceTarget(options);
  const { onProgress = () => undefined, deep = false } = options;
  // The engine's start takes longer than everything that is asked of the log meanwhile.
  const opening = lakehouse.duck();
  // Its failure is met below; before that, while the log is waited for, Node would end the process for it.
  opening.catch(() => undefined);
  const opened = lakehouse.log().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  const [log, bronze] = await Promise.all([opened, lakehouse.table('bronze.events')]).catch(async (error: unknown) => {
    await (await opening.catch(() => null))?.close();
    throw error;
  });
  const session = await opening;
  try {
    const keys = target.kind === 'key' ? businessKeyBytes(await lakehouse.contracts(), target.text, target.dataset) : [];
    const state = bronze && (await bronze.state());
    // The spool before the log: what goes from one into the other meanwhile is found there or here.
    const wanted = target.kind === 'key' ? keys : [Buffer.from(target.reference, 'utf8')];
    const matches = matching(target, wanted);
    const spool = await searchSpool(lakehouse.config, { wanted, matches, most: MOST_EVENTS, onProgress });
    const view = await viewLog(log, topicOf(lakehouse, target), state);
    const asked = log instanceof Error || view.away ? null : log;
    // Read and parsed while the engine searches; whoever needs them meets their error.
    void lakehouse.contracts().catch(() => undefined);
    const found = await findRows(session, bronze, target, keys, onProgress);
    const rows = found.rows.filter((row) => target.dataset === null || row.dataset === target.dataset);
    const pending = asked
      ? await findPending(lakehouse, asked, view, target, { matches, hasRows: rows.length > 0, deep, onProgress })
      : { found: [], notSearched: 0 };
    if (rows.length === 0 && pending.found.length === 0 && spool.found.length === 0) {
      const datasets = found.rows.map(({ dataset }) => dataset);
      throw nothingFound({ target, view, bronze: state, datasets, notSearched: pending.notSearched, problems: spool.problems });
    }
    const landed = await traceLanded(lakehouse, session, { rows, view, bronze, deep });
    const waiting = pending.found.map((record) => waitingEvent(record, view));
    const spooled = await tracedInSpool(spool.found, [...landed, ...waiting], view, asked);
    const events = [...landed, ...waiting, ...spooled].slice(0, Math.max(MOST_EVENTS, landed.length));
    const spooledTotal = spool.total - (spool.found.length - spooled.length);
    const total = (rows.length < found.rows.length ? rows.length : found.total) + pending.found.length + spooledTotal;
    const away = view.away ? [`the log was not asked: ${view.away.message}`] : [];
    const { use: index } = found;
    return { target, events, total, index, notSearched: pending.notSearched, warnings: [...away, ...spool.problems] };
  } finally {
    await session.close();
  }
}

const topicOf = (lakehouse: Lakehouse, target: TraceTarget): string =>
  (target.kind === 'event' && target.place?.topic) || lakehouse.config.profile.log.topic;

async function findRows(
  session: DuckSession,
  bronze: Table | null,
  target: TraceTarget,
  keys: readonly Uint8Array[],
  onProgress: ReportProgress,
): Promise<FoundRows & { readonly use: IndexUse }> {
  if (!bronze) return { rows: [], total: 0, use: NO_INDEX };
  if (target.kind === 'key') return findIndexed(session, bronze, 'key', keys, onProgress);
  const at = target.place ? await findPlaces(session, bronze, [target.place]) : [];
  if (at.length > 0) return { rows: at, total: at.length, use: NO_INDEX };
  return findIndexed(session, bronze, 'eventId', [Buffer.from(target.reference, 'utf8')], onProgress);
}

async function findPending(
  lakehouse: Lakehouse,
  log: EventLog,
  view: LogView,
  target: TraceTarget,
  options: {
    readonly matches: (record: BronzeRecord) => boolean;
    readonly hasRows: boolean;
    readonly deep: boolean;
    readonly onProgress: ReportProgress;
  },
): Promise<{ readonly found: readonly BronzeRecord[]; readonly notSearched: number }> {
  const topicDataset = lakehouse.config.ingest.defaultDataset;
  const place = target.kind === 'event' ? target.place : null;
  const bounds = view.bounds.find(({ partition }) => partition === place?.partition);
  if (place && options.hasRows) return { found: [], notSearched: 0 };
  if (place && bounds && place.offset >= bounds.startOffset && place.offset < bounds.endOffset) {
    const record = place.offset >= view.landedNext(place.partition) ? await recordAt(log, place, topicDataset) : null;
    if (record) return { found: [record], notSearched: 0 };
  }
  if (pendingCount(view) === 0) return { found: [], notSearched: 0 };
  const limit = options.deep ? Number.POSITIVE_INFINITY : options.hasRows ? PENDING.known : PENDING.unknown;
  return searchPending(log, view, { matches: options.matches, limit, topicDataset, onProgress: options.onProgress });
}

const matching =
  (target: TraceTarget, wanted: readonly Uint8Array[]) =>
  (record: BronzeRecord): boolean => {
    if (target.dataset !== null && record.dataset !== target.dataset) return false;
    const value = target.kind === 'key' ? record.key : record.eventId;
    return value !== null && wanted.some((one) => Buffer.compare(one, value) === 0);
  };

/** Those of the spool that are none of `found`: what the log has taken already is there under its offset. */
async function tracedInSpool(
  spooled: readonly SpooledEvent[],
  found: readonly TracedEvent[],
  view: LogView,
  log: EventLog | null,
): Promise<readonly TracedEvent[]> {
  const traced: TracedEvent[] = [];
  for (const event of spooled) {
    const since = await sinceFound(event, log);
    const one = spooledEvent(event, since, view);
    const isFound = found.some(
      ({ topic, partition, offset, eventId }) =>
        topic === one.topic &&
        partition === one.partition &&
        // Not sent when it was found, and gone now: it went into the log in between.
        (offset === one.offset || (since === 'unknown' && event.sent === null && eventId === one.eventId)),
    );
    if (!isFound) traced.push(one);
  }
  return traced;
}

async function traceLanded(
  lakehouse: Lakehouse,
  session: DuckSession,
  landed: {
    readonly rows: readonly BronzeRow[];
    readonly view: LogView;
    readonly bronze: Table | null;
    readonly deep: boolean;
  },
): Promise<readonly TracedEvent[]> {
  const { rows, view, bronze, deep } = landed;
  if (rows.length === 0 || !bronze) return [];
  const contracts = await lakehouse.contracts();
  const placeOf = rowPlaces(session, bronze.store);
  const bronzeState = await bronze.state();
  const judged = await judgeEvents(lakehouse, session, contracts, rows, placeOf);
  const models = judged.some(({ silver }) => silver) ? await loadModels(lakehouse.config.models).catch(() => []) : [];
  const feedsOf = async ({ silver, row }: JudgedEvent): Promise<readonly GoldFeed[]> =>
    silver ? goldFeeds(lakehouse, session, models, silver, { contract: contracts.get(row.dataset), deep }) : [];
  const events: TracedEvent[] = [];
  for (const one of judged) {
    const { row } = one;
    events.push({
      ...identityOf(row, row.eventId, row),
      log: logHop(view, bronzeState, row),
      bronze: {
        ...(await placeOf(row.path, row.row)),
        ingestedAt: momentText(row.ingestedAtUs),
        snapshot: broughtBy(bronzeState, row),
      },
      verdict: one.verdict,
      supersedes: one.supersedes,
      gold: await feedsOf(one),
    });
  }
  return events;
}

function logHop(view: LogView, bronze: TableState, row: BronzeRow): LogHop {
  const time = momentText(row.logTimeUs);
  if (view.away) return { state: 'away', time };
  if (view.topic !== row.topic) return { state: 'elsewhere', time };
  if (view.isOther) return { state: 'replaced', time };
  const bounds = view.bounds.find(({ partition }) => partition === row.partition);
  if (bounds && row.offset >= bounds.startOffset) return { state: 'held', time };
  const landed = bronze.nextOffsets.get(row.topic)?.get(row.partition) ?? 0;
  return { state: 'expired', time, logStart: bounds?.startOffset ?? landed };
}

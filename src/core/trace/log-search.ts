/** What the log says of events: whether it still holds them, and which of them the lake has not landed yet. */
import { type BronzeRecord, bronzeRecordOf } from '../bronze/bronze-record.js';
import { isOtherLog } from '../bronze/log-identity.js';
import type { EventLog, PartitionBounds } from '../log/event-log.js';
import { isTransientFailure } from '../resilience/transient-failure.js';
import type { ReportProgress } from '../progress.js';
import type { TableState } from '../table/table-api.js';
import type { LogPlace } from './trace-target.js';

/** The topic as it stands beside what the lake has landed of it. */
export interface LogView {
  readonly topic: string;
  readonly bounds: readonly PartitionBounds[];
  /** True: the lake was built from another topic of this name, so the same offsets are other events. */
  readonly isOther: boolean;
  /** Next offset of bronze by partition; 0 where it has none. */
  readonly landedNext: (partition: number) => number;
  /** Why the log could not be asked, so that `bounds` tells nothing; null: it was. */
  readonly away: Error | null;
}

/** `log`: or why it cannot be opened; `bronze`: its state, null before anything landed. A log that is away is no error. */
export async function viewLog(log: EventLog | Error, topic: string, bronze: TableState | null): Promise<LogView> {
  const landed = bronze?.nextOffsets.get(topic);
  const landedNext = (partition: number): number => landed?.get(partition) ?? 0;
  try {
    if (log instanceof Error) throw log;
    const [bounds, id] = await Promise.all([log.bounds(topic), log.topicId(topic)]);
    return { topic, bounds, isOther: bronze !== null && isOtherLog(bronze, topic, id), landedNext, away: null };
  } catch (error) {
    if (!(error instanceof Error) || !isTransientFailure(error)) throw error;
    return { topic, bounds: [], isOther: false, landedNext, away: error };
  }
}

/** Where the partition's events begin that are in the log and not in bronze. */
const pendingFrom = (view: LogView, { partition, startOffset }: PartitionBounds): number =>
  view.isOther ? startOffset : Math.max(startOffset, view.landedNext(partition));

/** Events that wait for bronze. */
export const pendingCount = (view: LogView): number =>
  view.bounds.reduce((sum, bounds) => sum + Math.max(0, bounds.endOffset - pendingFrom(view, bounds)), 0);

export interface PendingSearch {
  readonly found: readonly BronzeRecord[];
  /** Events that were not looked through, because there are more than the limit. */
  readonly notSearched: number;
}

const READ = { maxRecords: 10_000, maxBytes: 16_000_000 } as const;

/** Looks through the events that wait for bronze, up to `limit` of them over all partitions. */
export async function searchPending(
  log: EventLog,
  view: LogView,
  options: {
    readonly matches: (record: BronzeRecord) => boolean;
    readonly limit: number;
    readonly topicDataset: string;
    readonly onProgress: ReportProgress;
  },
): Promise<PendingSearch> {
  const toBronze = bronzeRecordOf(options.topicDataset);
  const total = pendingCount(view);
  const found: BronzeRecord[] = [];
  let searched = 0;
  for (const bounds of view.bounds) {
    let next = pendingFrom(view, bounds);
    while (next < bounds.endOffset && searched < options.limit) {
      const { records, nextOffset } = await log.read(view.topic, bounds.partition, next, READ);
      if (nextOffset <= next) break;
      searched += Math.min(nextOffset, bounds.endOffset) - next;
      next = nextOffset;
      for (const record of records.map(toBronze)) if (options.matches(record)) found.push(copied(record));
      options.onProgress({ phase: 'search the log', done: searched, total: Math.min(total, options.limit), unit: 'events' });
    }
  }
  return { found, notSearched: Math.max(0, total - searched) };
}

/** The record at a place of the log, or null when the log holds none there. */
export async function recordAt(log: EventLog, place: LogPlace, topicDataset: string): Promise<BronzeRecord | null> {
  const { records } = await log.read(place.topic, place.partition, place.offset, { maxRecords: 1, maxBytes: 1 });
  const [record] = records;
  return record && record.offset === place.offset ? copied(bronzeRecordOf(topicDataset)(record)) : null;
}

/** Records of one read share a buffer, and one that is kept would keep it whole. */
const copied = (record: BronzeRecord): BronzeRecord => ({
  ...record,
  key: record.key && record.key.slice(),
  payload: record.payload && record.payload.slice(),
  eventId: record.eventId.slice(),
  headers: record.headers.map(({ key, value }) => ({ key, value: value.slice() })),
});

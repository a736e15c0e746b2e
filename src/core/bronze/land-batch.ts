/** The first commit of the way: a batch of log records becomes bronze files and one snapshot that carries the consumed offsets. */
import type { EventLog } from '../log/event-log.js';
import type { ObjectStore } from '../store/object-store.js';
import type { CommitOutcome, OffsetHole, OffsetRange, Table } from '../table/table-api.js';
import type { BronzeRecord } from './bronze-record.js';
import { writeBronzeFiles } from './write-bronze-files.js';
import { holdOrDiscard } from '../table/hold-or-discard.js';

export interface LandingOptions {
  readonly commitId: string;
  readonly ingestedAtUs: number;
  /** Called once the files are durable and before the commit; throws when the lease is gone. */
  readonly holdLease: () => number;
}

/** What of a fetched batch is landed; `records` by partition, then offset. */
export interface Landing {
  readonly records: readonly BronzeRecord[];
  readonly ranges: readonly OffsetRange[];
  readonly holes: readonly OffsetHole[];
  /** Which log they come from (`logIdSummary`). */
  readonly summary: Readonly<Record<string, string>>;
}

export async function landBatch(
  bronze: Table,
  store: ObjectStore,
  landing: Landing,
  options: LandingOptions,
): Promise<CommitOutcome> {
  const add = await writeBronzeFiles(bronze, store, landing.records, options);
  const fencingToken = await holdOrDiscard(options.holdLease, store, add);
  return bronze.commit({
    add,
    fence: { ranges: landing.ranges, holes: landing.holes, fencingToken },
    summary: landing.summary,
  });
}

/** Tells lag tools where the lake is; only a hint, so it never fails the way. */
export async function hintOffsets(log: EventLog, group: string, topic: string, ranges: readonly OffsetRange[]): Promise<void> {
  await log
    .commitOffsets(group, topic, new Map(ranges.map(({ partition, endExclusive }) => [partition, endExclusive])))
    .catch(() => undefined);
}

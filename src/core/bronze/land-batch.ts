/** The first commit of the way: a batch of log records becomes bronze files and one snapshot that carries the consumed offsets. */
import type { ObjectStore } from '../store/object-store.js';
import type { AcceptedLoss, CommitOutcome, OffsetHole, OffsetRange, Table } from '../table/table-api.js';
import type { BronzeRecord } from './bronze-record.js';
import { writeBronzeFiles } from './write-bronze-files.js';
import { holdOrDiscard } from '../table/hold-or-discard.js';

export interface LandingOptions {
  readonly commitId: string;
  readonly ingestedAtUs: number;
  /**
   * Called once the files are durable and before the commit; throws when the right to land is gone. A lease gives its fencing token; a
   * member of a group has none, since its partitions' offsets alone say whether it is the one that lands them.
   */
  readonly hold: () => number | null;
}

/** What of a fetched batch is landed; `records` by partition, then offset. */
export interface Landing {
  readonly records: readonly BronzeRecord[];
  readonly ranges: readonly OffsetRange[];
  readonly holes: readonly OffsetHole[];
  /** Offsets of the ranges that the log has lost, where somebody gave them up. */
  readonly loss?: AcceptedLoss;
  /** Which log they come from (`logIdSummary`). */
  readonly summary: Readonly<Record<string, string>>;
}

export async function landBatch(
  bronze: Table,
  store: ObjectStore,
  landing: Landing,
  options: LandingOptions,
): Promise<CommitOutcome> {
  const { records, ranges, holes, loss } = landing;
  const add = await writeBronzeFiles(bronze, store, records, options);
  const fencingToken = await holdOrDiscard(options.hold, store, add);
  return bronze.commit({
    add,
    fence: { ranges, holes, ...(loss && { loss }), ...(fencingToken === null ? {} : { fencingToken }) },
    summary: landing.summary,
  });
}

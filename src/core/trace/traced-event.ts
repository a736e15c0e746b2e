/**
 * What a trace says of an event: every hop of its way, in the order in which it went. Times are ISO 8601 texts in UTC with microseconds,
 * ids of snapshots are texts (other engines' exceed 2^53).
 */
import type { LogPlace } from './trace-target.js';

/** A row of a data file: where to look with any Parquet reader. */
export interface FileRow {
  /** Path below the lake's folder. */
  readonly file: string;
  /** From 0. */
  readonly rowGroup: number;
  /** Number of the row in the file, from 0. */
  readonly row: number;
}

export interface SnapshotRef {
  readonly id: string;
  readonly committed: string;
}

/** Another event that this one's verdict speaks of. */
export interface EventRef extends LogPlace {
  /** null: bronze holds it no more. */
  readonly eventId: string | null;
  readonly logTime: string | null;
}

export type LogHop =
  | { readonly state: 'held'; readonly time: string | null }
  /** The log let it go; the lake has it. */
  | { readonly state: 'expired'; readonly time: string | null; readonly logStart: number }
  /** It came from a topic that is not the project's. */
  | { readonly state: 'elsewhere'; readonly time: string | null }
  /** The topic was made anew: what lies at this offset now is another event. */
  | { readonly state: 'replaced'; readonly time: string | null }
  /** The lake has it; whether the log still holds it cannot be asked. */
  | { readonly state: 'away'; readonly time: string | null }
  /**
   * It lies in the spool of this machine since `time`. `waits`: the log does not have it yet. `taken`: it does, at `offset`, and only the mark
   * of that is missing. `sent`: it was sent, and whether the log took it cannot be told now.
   */
  | { readonly state: 'spooled'; readonly time: string; readonly slot: string; readonly log: 'waits' | 'taken' | 'sent' };

export interface BronzeHop extends FileRow {
  readonly ingestedAt: string;
  /** The snapshot that brought it; null when that one has expired. */
  readonly snapshot: SnapshotRef | null;
}

export type Verdict =
  /** In the spool, not in the log yet; in the log, not in bronze yet; or in bronze, not judged yet. */
  | { readonly kind: 'pending'; readonly waitsFor: 'log' | 'bronze' | 'silver'; readonly eventsBefore: number }
  | ({
      readonly kind: 'current';
      readonly table: string;
      readonly snapshot: SnapshotRef | null;
      /** The silver row: columns as text. */
      readonly values: Readonly<Record<string, unknown>>;
    } & FileRow)
  | ({
      readonly kind: 'error';
      readonly class: string;
      readonly detail: string | null;
      readonly csvLine: number | null;
      readonly processedAt: string;
    } & Partial<FileRow>)
  | ({
      readonly kind: 'quarantined';
      readonly reasons: readonly string[];
      readonly contractVersion: string | null;
      /** The silver partition that it would have had. */
      readonly partition: string | null;
      /** Of an event_id_conflict: the event that had the id first. */
      readonly conflictsWith: EventRef | null;
      readonly processedAt: string;
    } & Partial<FileRow>)
  | { readonly kind: 'duplicate'; readonly of: EventRef | null; readonly processedAt: string }
  | { readonly kind: 'superseded'; readonly by: EventRef | null; readonly processedAt: string }
  /** Judged, and neither in silver nor disposed of: the account is broken. */
  | { readonly kind: 'lost' };

/** What of a gold model an event's row flows into. */
export interface GoldFeed {
  readonly model: string;
  /**
   * `row`: exactly these rows. `partition`: somewhere in these partitions. `table`: the model reads the dataset, more cannot be said
   * at this cost. `none`: looked up, and no row has it.
   */
  readonly granularity: 'row' | 'partition' | 'table' | 'none';
  readonly partitions: readonly string[];
  /** Values of the columns that name the rows: of each row found, or the part that is known. */
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Rows found; `rows` holds the first 20. */
  readonly rowCount: number;
  readonly files: readonly string[];
  /** False: gold was built before this event's row was in silver. */
  readonly upToDate: boolean;
  /** Why it is not more exact; null when it is exact. */
  readonly why: string | null;
}

export interface TracedEvent extends Omit<LogPlace, 'offset'> {
  /** null: it has none before the log has taken it. */
  readonly offset: number | null;
  readonly eventId: string;
  readonly dataset: string;
  /** The partition key as text; null when it has none. */
  readonly key: string | null;
  readonly payloadBytes: number | null;
  /**
   * `of` an event that was replayed straight into the log, time and source are the original's; one that came through a door, replayed
   * or not, was accepted there itself.
   */
  readonly accepted: { readonly at: string | null; readonly source: string | null; readonly of: 'itself' | 'original' };
  /** The id under which it had come before it was replayed as new (`ks-replay-of`); null: it was not. */
  readonly replayOf: string | null;
  readonly log: LogHop;
  /** null: not landed yet. */
  readonly bronze: BronzeHop | null;
  readonly verdict: Verdict;
  /** Earlier versions of its key that gave way to this one. */
  readonly supersedes: readonly EventRef[];
  readonly gold: readonly GoldFeed[];
}

/** The account of a lake: where every event is, and what does not add up. Plain data, as `ledger verify --json` prints it. */
import type { ReportProgress } from '../progress.js';
import type { SpoolAccount } from './spool-account.js';

/** How the account is asked for. */
export interface VerifyOptions {
  readonly deep: boolean;
  readonly onProgress?: ReportProgress;
  readonly signal?: AbortSignal;
}

/** One thing that does not add up. `offsets` names at most `MAX_NAMED` of them as `topic/partition/offset`; `count` counts all. */
export interface AccountBreak {
  readonly kind:
    | 'missing-in-bronze' // an offset below bronze's next that is no recorded hole
    | 'doubled-in-bronze'
    | 'unaccounted' // in bronze and processed, but neither current in silver nor disposed of
    | 'doubled' // more than one place at once: twice in silver, or in silver and dispositions
    | 'foreign' // in silver or dispositions, but not in bronze
    | 'identity' // a silver row or disposition under another event id or dataset than bronze has
    | 'key-doubled' // one key, two current rows
    | 'reject-missing' // a disposition without its row in error.events / quarantine.events
    | 'reject-doubled' // such a row twice, or without its disposition
    | 'count' // snapshot summaries contradict each other
    | 'file' // a data file is missing or does not hold what its manifest says
    | 'spool' // the spool of this machine is damaged: accepted events that are not in the log yet
    | 'expired-unread' // the log's start lies above bronze's next offset, and nobody gave up what lies between
    | 'log-recreated'; // the topic ends below bronze's next offset, or is another one of the same name
  readonly table: string;
  readonly detail: string;
  readonly count: number;
  readonly offsets: readonly string[];
  /** What to do next, where that is known. */
  readonly hint?: string;
}

export interface PartitionAccount {
  readonly topic: string;
  readonly partition: number;
  /** From the log; null when the topic is gone. */
  readonly logStart: number | null;
  readonly logEnd: number | null;
  /** Bronze holds every offset below this one. */
  readonly bronzeNext: number;
  /** Every event below this one has its final place. */
  readonly processedNext: number;
  /** In the log, which still holds it, and not yet in bronze: no fault. */
  readonly pending: number;
  /** Offsets below bronzeNext that the log never gave out. */
  readonly holes: number;
  /** Offsets below bronzeNext that expired before they were landed, and were given up. */
  readonly lost: number;
}

/** Offsets that expired unread and were given up (`consume accept-loss`): no break, and told as long as the lake stands. */
export interface LossAccount {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly toExclusive: number;
  /** Offsets that never were an event count too. */
  readonly eventsAtMost: number;
  /** ISO 8601. */
  readonly acceptedAt: string;
  /** `user@host`. */
  readonly by: string;
  readonly reason: string;
}

/** Offsets that expired before they were landed and that nobody has given up: a break of the kind `expired-unread`. */
export type ExpiredUnread = Pick<LossAccount, 'topic' | 'partition' | 'from' | 'toExclusive' | 'eventsAtMost'>;

export interface RolledBackTable {
  readonly table: string;
  readonly currentSnapshot: string | null;
  /** null: a table that never had a snapshot, taken along by a rollback that is half done. */
  readonly rolledBackFrom: string | null;
}

export interface Account {
  readonly mode: 'quick' | 'deep';
  /** No break and nothing rolled back. */
  readonly closed: boolean;
  readonly partitions: readonly PartitionAccount[];
  readonly totals: {
    /** Events that bronze holds. */
    readonly bronze: number;
    readonly processed: number;
    /** Landed, not yet processed. */
    readonly unprocessed: number;
    readonly silver: Readonly<Record<string, number>>;
    readonly dispositions: Readonly<Record<string, number>>;
    readonly pending: number;
    /** Sum of `losses`. */
    readonly lostAtMost: number;
    /** Sum of `expiredUnread`. */
    readonly expiredUnreadAtMost: number;
  };
  /** In the order in which they were given up. */
  readonly losses: readonly LossAccount[];
  /** By topic and partition; each of them is a break. */
  readonly expiredUnread: readonly ExpiredUnread[];
  readonly breaks: readonly AccountBreak[];
  readonly rolledBack: readonly RolledBackTable[];
  /** Tables with a commit under way (or left by a crash, to be finished by the next consumer): judged at their snapshot before it. */
  readonly inFlight: readonly string[];
  /** Events accepted on this machine that wait for the log; null: its log has no spool, and none was left behind. */
  readonly spool: SpoolAccount | null;
  /** What breaks nothing and yet is not as it should be. */
  readonly warnings: readonly string[];
}

/** How many offsets a break names. */
export const MAX_NAMED = 20;

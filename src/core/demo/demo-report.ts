/** What a demo run found out: plain data, as `demo --json` prints it. */
import type { QueryResult } from '../engine/sql-engine.js';
import type { Account } from '../ledger/account.js';
import type { FaultOutcome, RowCount } from './check-fates.js';

export interface SentSummary {
  readonly events: number;
  /** Of them by the founding document's service. */
  readonly founding: number;
  readonly seconds: number;
  /** What was sent: a made-up shop, or the folder given. */
  readonly source: string;
}

export interface ConsumedSummary {
  /** Events brought from the log into the lake; where they ended is in the account's totals. */
  readonly events: number;
  readonly seconds: number;
}

export interface ValidatedSummary {
  /** Partitions (or whole datasets) looked at, over all runs. */
  readonly partitions: number;
  /** `<dataset>.<check>` that failed somewhere; the failing rows of error-level ones are in quarantine. */
  readonly failedErrors: readonly string[];
  readonly failedWarnings: readonly string[];
}

export interface RejectCount {
  readonly zone: 'quarantine' | 'error';
  readonly reason: string;
  readonly events: number;
}

export interface DemoReport {
  /** Absolute folder of the project. */
  readonly project: string;
  /** False: removed at the end. */
  readonly kept: boolean;
  readonly sent: SentSummary;
  readonly consumed: ConsumedSummary;
  readonly validated: ValidatedSummary;
  /** Rows of every gold table. */
  readonly gold: Readonly<Record<string, number>>;
  readonly goldSeconds: number;
  readonly insights: {
    /** Revenue, orders and growth by month. */
    readonly growth: QueryResult;
    readonly logistics: QueryResult;
    readonly segments: QueryResult;
    /** The day with most revenue. */
    readonly bestDay: { readonly day: string; readonly revenue: string; readonly orders: number } | null;
  };
  readonly rejects: readonly RejectCount[];
  readonly account: Account;
  /** Empty with `--source`: real data holds no seeded faults. */
  readonly faults: readonly FaultOutcome[];
  /** Rows that must be in silver and gold against what is there. */
  readonly rows: readonly RowCount[];
  readonly seconds: number;
  /** Every seeded fault is where it belongs, every count agrees, and the account closes. */
  readonly passed: boolean;
}

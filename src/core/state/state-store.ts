/**
 * Port: small transactional state beside the lake (embedded: SQLite; production: PostgreSQL).
 *
 * Guarantees: every method is one transaction and may be repeated; leases carry a fencing token that only rises and end by the store's
 * clock; run records are idempotent by id; a breaker's record changes only from the version that its writer saw; transitions are kept in the order of writing.
 * Nothing here is truth about events: losing it loses history of runs, never an event.
 */

/** Held until `expiresAtMs` of the caller's clock (never later than by the store's); `fencingToken` rises with every change of holder. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly fencingToken: number;
  readonly expiresAtMs: number;
}

export type RunStatus = 'running' | 'succeeded' | 'failed' | 'interrupted';

/** One run of a command that changes something. */
export interface Run {
  readonly id: string;
  readonly command: string;
  readonly status: RunStatus;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  /** What it did, as JSON; shapes belong to the command. */
  readonly detail: unknown;
}

/** What processes know together of one circuit breaker. */
export interface StoredBreaker {
  readonly name: string;
  /** Rises with every write; 0 before the first. */
  readonly version: number;
  /** JSON; the shape belongs to resilience. */
  readonly state: unknown;
}

/** Something that changed from one state to another: a breaker, the level of degradation. Kept so that one can say later when and why. */
export interface Transition {
  /** Names this change, so that writing it may be repeated. */
  readonly id: string;
  /** What changed, e.g. `breaker/store`, `degradation`. */
  readonly subject: string;
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  /** JSON; the shape belongs to the subject. Who and why, where somebody did it. */
  readonly detail: unknown;
}

export interface StateStore {
  /**
   * The lease if it was free, expired or already this holder's; null when somebody else holds it. Its token is at least `leastToken`:
   * tables may remember a higher one than a store that was lost.
   */
  acquireLease(name: string, holder: string, ttlMs: number, leastToken?: number): Promise<Lease | null>;
  /** Extends a lease that is still this holder's with this token; null when it was lost. */
  renewLease(lease: Lease, ttlMs: number): Promise<Lease | null>;
  releaseLease(lease: Lease): Promise<void>;
  /** Who holds it now, expired or not; null when nobody ever did or it was released. */
  readLease(name: string): Promise<Lease | null>;
  /** Inserts or updates by id. */
  saveRun(run: Run): Promise<void>;
  /** Newest first. */
  listRuns(filter: { readonly command?: string; readonly limit: number }): Promise<readonly Run[]>;
  /** Ordered by name. */
  readBreakers(): Promise<readonly StoredBreaker[]>;
  /** Writes `state` under the next version when `version` is still the stored one; false: somebody else wrote first. */
  swapBreaker(breaker: StoredBreaker): Promise<boolean>;
  /** Appends; of each subject at least the newest thousand are kept. One with an id that is there already changes nothing. */
  addTransition(transition: Transition): Promise<void>;
  /** In the order of writing, last first; of one subject, or of all whose name begins with `subjectPrefix`. */
  listTransitions(filter: {
    readonly subject?: string;
    readonly subjectPrefix?: string;
    readonly limit: number;
  }): Promise<readonly Transition[]>;
  close(): Promise<void>;
}

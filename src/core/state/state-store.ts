/**
 * Port: small transactional state beside the lake (embedded: SQLite; production: PostgreSQL).
 *
 * Guarantees: every method is one transaction; leases carry a fencing token that only rises; run records are idempotent by id.
 * Nothing here is truth about events: losing it loses history of runs, never an event.
 */

/** Held until `expiresAtMs`; `fencingToken` rises with every change of holder. */
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
  close(): Promise<void>;
}

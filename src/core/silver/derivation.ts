/** What a derivation step works with, and what it tells. */
import type { Clock } from '../clock.js';
import type { Contract } from '../contract/contract.js';
import type { DuckSession } from '../engine/duckdb/duck-session.js';
import type { ObjectStore } from '../store/object-store.js';
import type { Table } from '../table/table-api.js';
import type { SeenIndex } from './seen-index.js';

export interface DerivedTables {
  readonly bronze: Table;
  readonly error: Table;
  readonly quarantine: Table;
  readonly dispositions: Table;
  /** By dataset, one for every contract. */
  readonly silver: ReadonlyMap<string, Table>;
}

export interface Derivation {
  readonly session: DuckSession;
  readonly store: ObjectStore;
  readonly tables: DerivedTables;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly seen: SeenIndex;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  /** Throws KS_LEASE_LOST unless this process still holds the builder's lease; returns the fencing token for the commit. */
  readonly holdLease: () => number;
}

/** What became of a range's events. */
export interface DerivedCounts {
  readonly events: number;
  /** New current rows by dataset. */
  readonly silver: Readonly<Record<string, number>>;
  readonly quarantined: number;
  readonly error: number;
  readonly duplicate: number;
  /** Events that became superseded, current rows of before included. */
  readonly superseded: number;
  /** Fields that no contract knows: dataset → field → events. */
  readonly drift: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export const NO_COUNTS: DerivedCounts = {
  events: 0,
  silver: {},
  quarantined: 0,
  error: 0,
  duplicate: 0,
  superseded: 0,
  drift: {},
};

export function addCounts(a: DerivedCounts, b: DerivedCounts): DerivedCounts {
  const drift: Record<string, Record<string, number>> = {};
  for (const source of [a.drift, b.drift]) {
    for (const [dataset, fields] of Object.entries(source)) drift[dataset] = addRecords(drift[dataset] ?? {}, fields);
  }
  return {
    events: a.events + b.events,
    silver: addRecords(a.silver, b.silver),
    quarantined: a.quarantined + b.quarantined,
    error: a.error + b.error,
    duplicate: a.duplicate + b.duplicate,
    superseded: a.superseded + b.superseded,
    drift,
  };
}

function addRecords(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): Record<string, number> {
  const sum = { ...a };
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
